package chaos_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/chaos"
)

// Somebody locks a table of ours, as a migration that is not ours would: longer than
// statements wait for a lock, and longer than leases last.
func TestTableIsLocked(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"delivery", "attempt", "notification"} {
		for _, length := range []time.Duration{6 * time.Second, 12 * time.Second} {
			t.Run(fmt.Sprintf("%s for %s", table, length), func(t *testing.T) {
				t.Parallel()
				d := trading(t, chaos.Options{})
				d.Excuse("55P03") // orders wait for the lock too
				d.employ("w1", "w2")
				d.open()
				d.resumes("a lock on "+table, d.holdLocked(table, length))
				d.ends()
			})
		}
	}
}

// holdLocked locks a table for so long, and returns when that was over.
func (d *trade) holdLocked(table string, length time.Duration) time.Time {
	d.t.Helper()
	conn, err := pgx.Connect(d.t.Context(), d.URL)
	if err == nil {
		defer func() { _ = conn.Close(d.t.Context()) }()
		_, err = conn.Exec(d.t.Context(), fmt.Sprintf(
			"begin; lock table orderbell.%s in access exclusive mode; select pg_sleep(%f); commit", table, length.Seconds()))
	}
	if err != nil {
		d.t.Fatalf("lock %s: %v", table, err)
	}
	return time.Now()
}
