package postgres

import "github.com/jackc/pgx/v5"

// Pinned are the program's settings of its connections, by what they do.
var Pinned = map[string]func(config *pgx.ConnConfig, worker string){
	"claims": pinClaims, "settles": pinSettles, "reads": pinReads, "merchants": pinMerchants,
}

// LastWake is what the last look saw in orderbell.setting.wake.
func (db *DB) LastWake() string {
	word, _ := db.wake.last()
	return word
}
