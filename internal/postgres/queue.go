package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Queue moves on rows that are due and wait for their turn in a sequence, 5,000 at the
// most, so that claims need not walk over them. It returns how many.
func (db *DB) Queue(ctx context.Context) (int, error) {
	moved, err := query[struct{ Moved int }](ctx, db.reads, "move on rows that wait for their turn", sqlQueue, pgx.StrictNamedArgs{})
	return len(moved), err
}
