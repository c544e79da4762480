package postgres

import "github.com/jackc/pgx/v5"

// Pinned is a connection's configuration with the settings of the program: of
// its claims, or of its settles.
func Pinned(url string, claims bool) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	if claims {
		pinClaims(config, "test")
	} else {
		pinSettles(config, "test")
	}
	return config, nil
}
