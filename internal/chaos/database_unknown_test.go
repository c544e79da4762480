package chaos_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/chaos"
)

// A claim is committed and its answer lost with the connection. The worker looks for
// what it has taken, and goes on with it: no attempt is lost, and nobody is told twice.
func TestClaimOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	d := trading(t, chaos.Options{})
	p := d.proxied()
	release := d.stopClaims()
	d.employ("w1")
	w1 := d.workers[0]
	d.EnqueueMany("m-prompt", inFlight)
	d.Blocked(w1, "claim")
	p.DropToClient(true)
	release()
	d.Becomes(strconv.Itoa(inFlight), "select count(*) from orderbell.delivery where state = 'in_flight'")
	p.DropToClient(false) // which breaks the connections
	p.Reset()
	w1.Says("rows whose claim was not answered are carried on")
	d.ends()
	outcomes(t, d.House, "30 acknowledged")
	if n := len(d.Requests()); n != inFlight {
		t.Errorf("%d requests were made for %d rows", n, inFlight)
	}
}

// A settle is committed and its answer lost with the connection. It is sent again,
// and what it says is recorded once.
func TestSettleOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	d := trading(t, chaos.Options{Endpoints: []chaos.Endpoint{{Name: "m-1", Temper: chaos.Hanging(answer)}}})
	p := d.proxied()
	d.employ("w1")
	w1 := d.workers[0]
	d.EnqueueMany("m-1", inFlight)
	arrived(t, d.House, inFlight)
	release := d.Lock(d.Partitions("attempt")...)
	close(answer)
	d.Blocked(w1, "settle")
	p.DropToClient(true)
	release()
	d.Becomes("true", "select count(*) > 0 from orderbell.finished")
	t.Logf("%s were settled without an answer", d.Text("select count(*) from orderbell.finished"))
	d.Snapshot()
	p.DropToClient(false)
	p.Reset()
	d.ends()
	outcomes(t, d.House, "30 acknowledged")
	if !strings.Contains(w1.Log(), complaint) {
		t.Error("the worker had its answer")
	}
}

// stopClaims keeps claims from ending until release is called, or their lock_timeout is
// over. A lock on the table would stop them before they are executed.
func (d *trade) stopClaims() (release func()) {
	d.t.Helper()
	d.SQL(`create function public.stop() returns trigger language plpgsql as $$
		begin perform pg_advisory_xact_lock_shared(1); return new; end $$`)
	d.SQL(`create trigger stop before update on orderbell.delivery for each row
		when (new.state = 'in_flight') execute function public.stop()`)
	conn, err := pgx.Connect(d.t.Context(), d.URL)
	if err == nil {
		_, err = conn.Exec(d.t.Context(), "select pg_advisory_lock(1)")
	}
	if err != nil {
		d.t.Fatalf("stop claims: %v", err)
	}
	return func() { _ = conn.Close(d.t.Context()) }
}
