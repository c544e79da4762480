package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// TokenRow is a token as `orderbell endpoint token --list` shows it.
type TokenRow struct {
	Hint      string     `json:"hint"` // its last 4 characters
	CreatedAt time.Time  `json:"created_at"`
	CreatedBy string     `json:"created_by"`
	ExpiresAt *time.Time `json:"expires_at"` // null: it is good until it is revoked
	Expired   bool       `json:"expired"`
}

// AddToken adds a token of an endpoint, of which the database learns the SHA-256 and the
// last 4 characters. Nil lasts for ever. It returns until when it is good; taken tells that
// the endpoint has another token with these characters.
func (db *DB) AddToken(ctx context.Context, endpoint string, hash []byte, hint string, lasts *time.Duration) (expires *time.Time, taken bool, err error) {
	row, err := queryOne[struct{ ExpiresAt *time.Time }](ctx, db.reads, "add a token", sqlAddToken, pgx.StrictNamedArgs{
		"endpoint": endpoint, "hash": hash, "hint": hint, "lasts": lasts,
	})
	return row.ExpiresAt, hasCode(err, "23505"), err
}

// RevokeToken takes a token back; false where the endpoint has none with this hint.
func (db *DB) RevokeToken(ctx context.Context, endpoint, hint string) (bool, error) {
	row, err := queryOne[struct{ Done bool }](ctx, db.reads, "revoke a token", sqlRevokeToken,
		pgx.StrictNamedArgs{"endpoint": endpoint, "hint": hint})
	return row.Done, err
}

// Tokens returns an endpoint's tokens, the oldest first, those that have expired too.
func (db *DB) Tokens(ctx context.Context, endpoint string) ([]TokenRow, error) {
	rows, err := query[TokenRow](ctx, db.reads, "list tokens", sqlTokens, pgx.StrictNamedArgs{"endpoint": endpoint})
	for i := range rows {
		rows[i].CreatedAt = rows[i].CreatedAt.UTC()
		if rows[i].ExpiresAt != nil {
			*rows[i].ExpiresAt = rows[i].ExpiresAt.UTC()
		}
	}
	return rows, err
}
