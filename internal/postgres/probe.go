package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Clock returns the database's time.
func (db *DB) Clock(ctx context.Context) (time.Time, error) {
	row, err := queryOne[struct{ At time.Time }](ctx, db.reads, "ask for the time", sqlClock, pgx.StrictNamedArgs{})
	return row.At, err
}

// AddProbe records what a probe of an endpoint found: a JSON object, and whether it
// passed. The database adds when, and which user.
func (db *DB) AddProbe(ctx context.Context, endpoint string, passed bool, report []byte) error {
	_, err := query[struct{}](ctx, db.reads, "record the probe", sqlAddProbe, pgx.StrictNamedArgs{
		"endpoint": endpoint, "passed": passed, "report": report,
	})
	return err
}
