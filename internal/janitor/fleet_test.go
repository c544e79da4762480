package janitor_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbell/orderbell/internal/janitor"
	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

// clock is driven by the test, years behind: what it says is due is due.
type clock struct {
	mu    sync.Mutex
	at    time.Time
	moved chan struct{} // closed at the next move
}

func newClock() *clock {
	return &clock{at: time.Date(2020, 1, 1, 0, 0, 0, 500e6, time.UTC), moved: make(chan struct{})}
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	close(c.moved)
	c.moved = make(chan struct{})
}

func (c *clock) now() (time.Time, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at, c.moved
}

// driven is a database whose clock is driven.
type driven struct {
	*postgres.DB
	*clock
	moved  atomic.Value  // after the last look
	looked chan struct{} // closed when it has, for the first time
	once   sync.Once
}

func (d *driven) LastTick(ctx context.Context, scan string) (last, now time.Time, err error) {
	now, moved := d.now()
	d.moved.Store(moved)
	last, _, err = d.DB.LastTick(ctx, scan)
	d.once.Do(func() { close(d.looked) })
	return last, now, err
}

func (d *driven) wait(ctx context.Context, _ time.Duration) {
	select {
	case <-ctx.Done():
	case <-d.moved.Load().(<-chan struct{}):
	}
}

// fleet is a database and the workers that run one scan there.
type fleet struct {
	t     *testing.T
	url   string
	pool  *pgxpool.Pool
	clock *clock
	scan  janitor.Scan
}

func newFleet(t *testing.T, query string) *fleet {
	t.Helper()
	f := &fleet{t: t, url: pgtest.Database(t), clock: newClock(), scan: planned(t, "nightly", "* * * * * *")}
	pool, err := pgxpool.New(t.Context(), f.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	f.pool = pool
	f.scan.Kind, f.scan.Query, f.scan.Timeout = outbox.ScanRun, query, time.Minute
	f.exec("create table ran (tick int)")
	return f
}

func (f *fleet) exec(sql string) {
	f.t.Helper()
	if _, err := f.pool.Exec(f.t.Context(), sql); err != nil {
		f.t.Fatalf("%s: %v", sql, err)
	}
}

func (f *fleet) text(sql string) (text string) {
	f.t.Helper()
	if err := f.pool.QueryRow(f.t.Context(), sql).Scan(&text); err != nil {
		f.t.Fatalf("%s: %v", sql, err)
	}
	return text
}

// work has a worker run the scan until it is told to stop.
func (f *fleet) work(name string) (stop func()) {
	f.t.Helper()
	db, err := postgres.Open(f.t.Context(), f.url, name)
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d := &driven{DB: db, clock: f.clock, looked: make(chan struct{})}
	_, moved := f.clock.now()
	d.moved.Store(moved)
	var all sync.WaitGroup
	all.Go(func() {
		options := janitor.ScanOptions{Log: slog.New(slog.NewTextHandler(f.t.Output(), nil)), Wait: d.wait}
		janitor.RunScans(ctx, ctx, d, []janitor.Scan{f.scan}, options)
	})
	stop = sync.OnceFunc(func() { cancel(); all.Wait(); db.Close() })
	f.t.Cleanup(stop)
	<-d.looked
	return stop
}

func (f *fleet) becomes(want, sql string) {
	f.t.Helper()
	pgtest.Eventually(f.t, 30*time.Second, want, func() error {
		if got := f.text(sql); got != want {
			return fmt.Errorf("it is %s", got)
		}
		return nil
	})
}

func TestTwoWorkersRunSixtyTicksSixtyTimes(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "insert into ran values (1)")
	f.work("w-1")
	f.work("w-2")
	for n := 1; n <= 60; n++ {
		f.clock.move(time.Second)
		f.becomes(fmt.Sprintf("%d", n), "select count(*)::text from orderbell.scan_run where result is not null")
	}
	f.becomes("60 60 60 2020-01-01 00:00:01+00 2020-01-01 00:01:00+00", `
		select concat_ws(' ', (select count(*) from ran), count(*) filter (where result = 'done' and rows = 1), count(distinct tick),
		                 min(tick) at time zone 'UTC' || '+00', max(tick) at time zone 'UTC' || '+00')
		from orderbell.scan_run`)
	t.Log(f.text("select string_agg(format('%s: %s', worker, n), ', ') from (select worker, count(*) n from orderbell.scan_run group by worker) w"))
}

// All were down for an hour of ticks, and start together.
func TestFleetMakesUpTheLastMissedTick(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "insert into ran values (1)")
	stop := f.work("w-1")
	f.clock.move(time.Second)
	f.becomes("1", "select count(*)::text from ran")
	stop()
	f.clock.move(time.Hour)
	f.work("w-1")
	f.work("w-2")
	f.becomes("2", "select count(*)::text from ran")
	f.clock.move(time.Second)
	f.becomes("2020-01-01 00:00:01, 2020-01-01 01:00:01, 2020-01-01 01:00:02",
		"select coalesce(string_agg((tick at time zone 'UTC')::text, ', ' order by tick), '') from orderbell.scan_run where result = 'done'")
}

// The session of a run is lost: that is recorded, and the next tick runs, on whichever worker.
func TestFleetGoesOnAfterALostSession(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "with w as (select pg_advisory_xact_lock_shared(77)) insert into ran select 1 from w")
	holder, err := f.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Rollback(context.Background()) }()
	if _, err := holder.Exec(t.Context(), "select pg_advisory_xact_lock(77)"); err != nil {
		t.Fatal(err)
	}
	f.work("w-1")
	f.work("w-2")
	f.clock.move(time.Second)
	f.becomes("1", `select count(*)::text from pg_stat_activity
		where datname = current_database() and query like '/* orderbell:scan nightly */%' and wait_event_type = 'Lock'`)
	f.clock.move(time.Second) // the run before is still going on
	f.becomes("skipped", "select coalesce(max(result), 'none') from orderbell.scan_run")
	f.exec(`select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and query like '/* orderbell:scan nightly */%' and wait_event_type = 'Lock'`)
	f.becomes("failed, skipped", "select string_agg(result, ', ' order by tick) from orderbell.scan_run")
	if err := holder.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.clock.move(time.Second)
	f.becomes("failed, skipped, done 1", `
		select string_agg(coalesce(result, 'none'), ', ' order by tick) || ' ' || (select count(*) from ran) from orderbell.scan_run`)
}
