package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

func TestTimeLimitOfAScan(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.orders()
	for _, kind := range []outbox.ScanKind{outbox.ScanRun, outbox.ScanExpectNothing, outbox.ScanCompensate} {
		report, got := h.scan(outbox.Scan{Kind: kind, Query: "select 'x' as endpoint, * from pg_sleep(60), (values ('e', 'o', 'b', 'k')) v (event, order_no, body, dedupe_key)", Timeout: 100 * time.Millisecond}, false)
		if got != "failed it took longer than its timeout, 100ms" || report.Took < 100*time.Millisecond {
			t.Errorf("%s: %s, after %s", kind, got, report.Took)
		}
	}
}

// held is a scan, slow, whose runs wait until they are let go.
func (h *house) held() (scan outbox.Scan, let func()) {
	h.t.Helper()
	tx := h.begin()
	if _, err := tx.Exec(h.t.Context(), "select pg_advisory_xact_lock(77)"); err != nil {
		h.t.Fatal(err)
	}
	return outbox.Scan{Name: "slow", Kind: outbox.ScanRun, Query: "select pg_advisory_xact_lock(77)", Timeout: time.Minute},
		func() { _ = tx.Rollback(context.Background()) }
}

// underWay waits until the statement of slow is under way, and returns its server process.
func (h *house) underWay() (pid int) {
	h.t.Helper()
	pgtest.Eventually(h.t, 20*time.Second, "the scan is under way", func() error {
		return h.pool.QueryRow(h.t.Context(), `
			select pid from pg_stat_activity
			where datname = current_database() and query like '/* orderbell:scan slow */%' and wait_event_type = 'Lock'
			  and application_name = 'orderbell/w-1'`).Scan(&pid)
	})
	return pid
}

// background makes a run, and returns how to wait for its end.
func (h *house) background(ctx context.Context, scan outbox.Scan, id int64) (ended func() outbox.ScanReport) {
	h.t.Helper()
	var report outbox.ScanReport
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		report, err = h.db.RunScan(ctx, id, scan, false)
	}()
	return func() outbox.ScanReport {
		h.t.Helper()
		<-done
		if err != nil {
			h.t.Error(err)
		}
		return report
	}
}

func (h *house) byHand(scan outbox.Scan) int64 {
	h.t.Helper()
	id, err := h.db.ClaimByHand(h.t.Context(), scan, false)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

func TestNeverTwoRunsOfOneScanAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	scan, let := h.held()
	id := h.byHand(scan)
	ended := h.background(t.Context(), scan, id)
	h.underWay()
	for i, db := range []*postgres.DB{h.db, h.worker("w-2")} {
		second, won, err := db.ClaimTick(t.Context(), scan, time.Now().Add(time.Duration(i)*time.Hour))
		if err != nil || !won {
			t.Fatalf("claim: %v, %v", won, err)
		}
		if _, err := db.RunScan(t.Context(), second, scan, false); err != nil {
			t.Fatal(err)
		}
		if got := h.scanned(second); got != "skipped the run before was still going on" {
			t.Errorf("the second run: %s", got)
		}
	}
	if _, got := h.scan(outbox.Scan{Name: "another", Query: "select 1"}, false); got != "done 1" {
		t.Errorf("another scan meanwhile: %s", got)
	}
	if got := h.scanned(id); got != "unfinished" {
		t.Errorf("the first run: %s", got)
	}
	let()
	ended()
	if got := h.scanned(id); got != "done 1" {
		t.Errorf("the first run, let go: %s", got)
	}
	scan.Query = "select 1"
	if _, got := h.scan(scan, false); got != "done 1" {
		t.Errorf("the next run: %s", got)
	}
}

// One of many has a tick.
func TestATickIsClaimedOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	scan := outbox.Scan{Name: "nightly", Kind: outbox.ScanRun, Query: "select 1", Timeout: time.Minute}
	workers := []*postgres.DB{h.db, h.worker("w-2"), h.worker("w-3")}
	tick := time.Date(2026, 11, 20, 3, 30, 0, 0, time.UTC)
	var mu sync.Mutex
	wins := map[time.Time]int{}
	var all sync.WaitGroup
	for _, db := range workers {
		all.Go(func() {
			for i := range 20 {
				at := tick.Add(time.Duration(i) * time.Minute)
				_, won, err := db.ClaimTick(t.Context(), scan, at)
				if err != nil {
					t.Error(err)
				}
				if won {
					mu.Lock()
					wins[at]++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	for at, n := range wins {
		if n != 1 {
			t.Errorf("%s was won %d times", at, n)
		}
	}
	last, now, err := h.db.LastTick(t.Context(), "nightly")
	if len(wins) != 20 || err != nil || !last.Equal(tick.Add(19*time.Minute)) || time.Since(now).Abs() > time.Minute {
		t.Errorf("%d ticks, the last one %s at %s, %v", len(wins), last, now, err)
	}
	if last, _, err := h.db.LastTick(t.Context(), "unknown"); err != nil || !last.IsZero() {
		t.Errorf("of a scan that never ran: %s, %v", last, err)
	}
}

func TestSessionOfARunIsLost(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	scan, let := h.held()
	defer let()
	id := h.byHand(scan)
	ended := h.background(t.Context(), scan, id)
	h.exec("select pg_terminate_backend($1)", h.underWay())
	ended()
	if got := h.scanned(id); got != "failed terminating connection due to administrator command" {
		t.Errorf("it is recorded as: %s", got)
	}
	id = h.byHand(scan)
	ended = h.background(t.Context(), scan, id)
	h.exec("select pg_cancel_backend($1)", h.underWay())
	ended()
	if got := h.scanned(id); got != "failed canceling statement due to user request" {
		t.Errorf("cancelled, it is recorded as: %s", got)
	}
}

// A worker that is stopped leaves no statement behind, and says what became of the run.
func TestRunIsStopped(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	scan, let := h.held()
	defer let()
	id := h.byHand(scan)
	ctx, stop := context.WithCancel(t.Context())
	ended := h.background(ctx, scan, id)
	pid := h.underWay()
	stop()
	ended()
	if got := h.scanned(id); got != "failed it was stopped before it was finished" {
		t.Errorf("it is recorded as: %s", got)
	}
	pgtest.Eventually(t, 20*time.Second, "the session is gone", func() error {
		if one[bool](t, h.pool, "select exists (select from pg_stat_activity where pid = $1)", pid) {
			return fmt.Errorf("process %d is there", pid)
		}
		return nil
	})
}

func TestRunsOfDeadWorkersAreBuried(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	scan, let := h.held()
	dead, alive, young := h.byHand(scan), h.byHand(scan), h.byHand(scan)
	ended := h.background(t.Context(), scan, alive)
	h.underWay()
	h.exec("update orderbell.scan_run set started_at = started_at - interval '1 min' where id = $1", dead)
	buried, err := h.db.BuryScans(t.Context())
	if err != nil || len(buried) != 1 || !strings.HasPrefix(buried[0], "slow on by hand, ") {
		t.Errorf("buried %q, %v", buried, err)
	}
	want := []string{"failed its worker died, or lost the database, before it was finished", "unfinished", "unfinished"}
	if diff := cmp.Diff(want, []string{h.scanned(dead), h.scanned(alive), h.scanned(young)}); diff != "" {
		t.Errorf("the dead, the living and the young (-want +got):\n%s", diff)
	}
	let()
	ended()
	// It was taken for dead, and comes after all: it does nothing.
	scan.Query = "create table public.trace ()"
	report, err := h.db.RunScan(t.Context(), dead, scan, false)
	if err != nil || report.Result != outbox.ScanFailed || one[*string](t, h.pool, "select to_regclass('public.trace')::text") != nil {
		t.Errorf("the dead one has run: %+v, %v", report, err)
	}
}

// A run that has its session and stands still is not taken for dead.
func TestALongRunIsNotBuried(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	scan, let := h.held()
	id := h.byHand(scan)
	h.exec("update orderbell.scan_run set started_at = started_at - interval '1 hour'")
	ended := h.background(t.Context(), scan, id)
	h.underWay()
	if buried, err := h.db.BuryScans(t.Context()); err != nil || len(buried) != 0 {
		t.Errorf("buried %q, %v", buried, err)
	}
	let()
	ended()
	if got := h.scanned(id); got != "done 1" {
		t.Errorf("it is recorded as %s", got)
	}
}

func TestOldRunsAreDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`insert into orderbell.scan_run (scan, kind, tick, worker, started_at, finished_at, result)
		select s, 'run', case when s <> 'hand' then now() - d * interval '1 day' end, 'w-1', now() - d * interval '1 day', now(), 'done'
		from unnest('{yearly,daily,hand}'::text[]) s, unnest('{80,85,95,100}'::int[]) d
		where s <> 'yearly' or d > 90`)
	if n, err := h.db.PruneScans(t.Context()); err != nil || n != 1+2+2 {
		t.Errorf("deleted %d, %v", n, err)
	}
	left := all[string](t, h.pool, "select scan || ' ' || extract(day from now() - started_at) from orderbell.scan_run order by id")
	if diff := cmp.Diff([]string{"yearly 95", "daily 80", "daily 85", "hand 80", "hand 85"}, left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}
