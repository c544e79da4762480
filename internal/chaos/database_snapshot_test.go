package chaos_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/chaos"
)

// Somebody's transaction stays open, so that no row that was deleted since can be
// vacuumed, and then 20,000 are due at once.
func TestManyRowsBehindASnapshot(t *testing.T) {
	t.Parallel()
	dead, due := 5_000, 20_000
	if chaos.Raced {
		dead, due = 1_000, 4_000
	}
	d := trading(t, chaos.Options{Endpoints: []chaos.Endpoint{{Name: "m-1"}}})
	d.employ("w1")
	forget := d.remember()
	d.drain(dead)
	d.drain(due)
	forget()
	d.undisturbed()
	d.ends()
}

// drain has n rows delivered that are due at once.
func (d *trade) drain(n int) {
	d.t.Helper()
	before := len(d.Requests())
	d.EnqueueMany("m-1", n)
	began := time.Now()
	d.AtRest()
	took := time.Since(began)
	first := d.Requests()[before].Arrived.Sub(began)
	d.t.Logf("%d rows due at once: the first after %s, all settled after %s", n, round(max(0, first)), round(took))
}

// remember holds a snapshot of the database until forget is called.
func (d *trade) remember() (forget func()) {
	d.t.Helper()
	conn, err := pgx.Connect(d.t.Context(), d.URL)
	if err == nil {
		_, err = conn.Exec(d.t.Context(), "begin isolation level repeatable read; select count(*) from orderbell.delivery")
	}
	if err != nil {
		d.t.Fatalf("hold a snapshot: %v", err)
	}
	return func() { _ = conn.Close(d.t.Context()) }
}
