package chaos_test

import (
	"context"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/devpg"
)

// The synchronous standby is gone, and every commit waits for it: those of claims and
// settles until the worker gives up waiting for its answer, which makes them commits
// of unknown outcome that did happen. Then an administrator does without the standby.
func TestCommitsWaitForADeadStandby(t *testing.T) {
	t.Parallel()
	d := trading(t, chaos.Options{OwnCluster: true})
	d.Excuse("55P03") // commits that ring queue up behind one that waits: the shop's lock_timeout
	standby := d.standBy(devpg.StandbyOptions{Synchronous: true})
	d.employ("w1", "w2")
	writes := watchWrites(t, d.House, d.URL)
	d.open()
	if err := standby.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	d.Becomes("true", "select count(*) > 0 from pg_stat_activity where wait_event = 'SyncRep' and application_name like 'orderbell/%'")
	for _, w := range d.workers {
		w.Says(complaint)
		t.Logf("%s said so after %s", w.Name, round(time.Since(began)))
	}
	d.SQL("alter system set synchronous_standby_names = ''")
	d.SQL("select pg_reload_conf()")
	d.resumes("commits that waited for a dead standby", writes.accepts(0))
	d.ends()
}

// stopServer ends a server that the house does not know of.
func stopServer(t *testing.T, server *devpg.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		t.Error(err)
	}
}
