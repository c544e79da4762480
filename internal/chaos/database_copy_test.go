package chaos_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/devpg"
)

// A copy of a database has its unfinished rows, which the original sends. A worker on
// the copy sends nothing and says so, until it is told that the copy is the original
// from now on.
func TestCopyOfTheDatabase(t *testing.T) {
	t.Parallel()
	d := trading(t, chaos.Options{OwnCluster: true})
	d.employ("w1")
	d.delivered("from the original") // which knows from then on that it is one
	stopped(t, d.workers...)
	d.workers = nil
	d.EnqueueMany("m-prompt", inFlight)
	sent := len(d.Requests())

	d.URL, d.WorkURL = d.copy(), d.Server.URL("copied")
	w2 := d.Work("w2")
	d.workers = []*chaos.Worker{w2}
	w2.Says("nothing is sent from a copy")
	w2.Says("orderbell adopt")
	if n := len(d.Requests()); n != sent {
		t.Errorf("%d requests were made from the copy", n-sent)
	}
	adopt := chaos.StartCommand(t, d.URL, "adopt")
	if status := adopt.Wait(); status != 0 {
		t.Fatalf("adopt ended with status %d: %s", status, adopt.Log())
	}
	adopted := time.Now()
	arrived(t, d.House, sent+inFlight)
	t.Logf("adopted; the first delivery came %s after", round(d.Requests()[sent].Arrived.Sub(adopted)))
	d.ends()
}

// A physical copy is promoted while the primary goes on. Nothing tells the two apart;
// whoever starts a worker there has it send nothing.
func TestPhysicalCopyOfTheCluster(t *testing.T) {
	t.Parallel()
	d := trading(t, chaos.Options{OwnCluster: true})
	standby := d.standBy(devpg.StandbyOptions{Synchronous: true})
	d.EnqueueMany("m-prompt", inFlight) // which the copy has when the commit returns
	d.SQL("alter system set synchronous_standby_names = ''")
	d.SQL("select pg_reload_conf()")
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	w2 := d.WorkWith(chaos.WorkerOptions{Name: "w2", URL: standby.URL("postgres"), Args: []string{"--paused"}})
	w2.Says("paused: nothing is sent")
	d.employ("w1")
	d.ends()
	stopped(t, w2)
	if strings.Contains(w2.Log(), "nothing is sent from a copy") {
		t.Error("w2 knows a physical copy; so must the runbook")
	}
	if n := len(d.Requests()); n != inFlight {
		t.Errorf("%d requests were made for %d rows", n, inFlight)
	}
}

// copy makes the database copied, as a template of which the house's one is used.
func (d *trade) copy() string {
	d.t.Helper()
	conn, err := pgx.Connect(d.t.Context(), d.Server.URL("template1"))
	if err == nil {
		defer func() { _ = conn.Close(d.t.Context()) }()
		_, err = conn.Exec(d.t.Context(), "create database copied template postgres")
	}
	if err != nil {
		d.t.Fatalf("copy the database: %v", err)
	}
	return d.Server.URL("copied")
}
