package main_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// everySecond has one scan that leaves a trace, and then waits where it is told to.
const everySecond = `
scans:
  - name: nightly
    schedule: "* * * * * *"
    query: with w as (select pg_advisory_xact_lock_shared(77)) insert into public.trace select pg_backend_pid() from w
`

// A worker is killed in mid-run: nothing of the run is left, it is told, and the next runs.
func TestWorkerIsKilledDuringAScan(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec("create table public.trace (pid int)")
	file := configFile(t, everySecond)
	tx, err := s.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), "select pg_advisory_xact_lock(77)"); err != nil {
		t.Fatal(err)
	}
	killed := start(t, s.env("ORDERBELL_WORKER_NAME=w-1"), "work", "--config", file)
	const under = `select count(*)::text from pg_stat_activity where datname = current_database()
		and query like '/* orderbell:scan nightly */%' and wait_event_type = 'Lock'`
	s.becomes("1", under)
	killed.signal(syscall.SIGKILL)
	s.becomes("0", under) // the server has noticed, and not only when the statement ended
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.exec("update orderbell.scan_run set started_at = started_at - interval '1 min' where result is null")
	other := start(t, s.env("ORDERBELL_WORKER_NAME=w-2"), "work", "--config", file)
	s.becomes("w-1 its worker died, or lost the database, before it was finished",
		"select coalesce(max(worker || ' ' || error), 'nothing') from orderbell.scan_run where result = 'failed'")
	other.says("a run of a scan was not finished")
	s.becomes("true", `select (count(*) filter (where result = 'done' and worker = 'w-2') > 0
		and count(*) filter (where result = 'done') = (select count(*) from public.trace))::text from orderbell.scan_run`)
	other.signal(syscall.SIGTERM)
	if status := other.wait(); status != 0 {
		t.Errorf("status %d", status)
	}
}

// A worker that is told to stop waits for its run, as it does for requests.
func TestStopDuringAScan(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec("create table public.trace (pid int)")
	file := configFile(t, everySecond)
	tx, err := s.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), "select pg_advisory_xact_lock(77)"); err != nil {
		t.Fatal(err)
	}
	paused := start(t, s.env("ORDERBELL_WORKER_NAME=paused"), "work", "--paused", "--config", file)
	paused.says("no scan runs")
	worker := start(t, s.env("ORDERBELL_WORKER_NAME=w-1"), "work", "--config", file)
	s.becomes("true", "select (count(*) filter (where result = 'skipped') > 0)::text from orderbell.scan_run")
	worker.signal(syscall.SIGTERM)
	worker.says("stopping when")
	worker.signal(syscall.SIGINT) // and now at once
	if status := worker.wait(); status != 0 {
		t.Errorf("status %d", status)
	}
	pgtest.Eventually(t, patience, "the run says why it ended", func() error {
		if got := s.get("select string_agg(error, '') from orderbell.scan_run where result = 'failed'"); got != "it was stopped before it was finished" {
			return errors.New(got)
		}
		return nil
	})
	if got := s.get("select count(*) || ' ' || (select count(*) from public.trace) from orderbell.scan_run where worker <> 'w-1'"); got != "0 0" {
		t.Errorf("runs of the paused worker, and traces: %s", got)
	}
}
