package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/postgres"
)

// scanned is a row of orderbell.scan_run, as far as tests care.
func (h *house) scanned(id int64) string {
	h.t.Helper()
	return one[string](h.t, h.pool, `
		select concat_ws(' ', result, rows, enqueued, error, details, case when finished_at is null then 'unfinished' end)
		from orderbell.scan_run where id = $1`, id)
}

// scan runs a scan by hand, and returns how it is recorded.
func (h *house) scan(scan outbox.Scan, dryRun bool) (outbox.ScanReport, string) {
	h.t.Helper()
	if scan.Name == "" {
		scan.Name = "nightly"
	}
	if scan.Kind == "" {
		scan.Kind = outbox.ScanRun
	}
	if scan.Timeout == 0 {
		scan.Timeout = time.Minute
	}
	id, err := h.db.ClaimByHand(h.t.Context(), scan, dryRun)
	if err != nil {
		h.t.Fatal(err)
	}
	report, err := h.db.RunScan(h.t.Context(), id, scan, dryRun)
	if err != nil {
		h.t.Fatal(err)
	}
	return report, h.scanned(id)
}

// orders are what a business has beside orderbell.
func (h *house) orders() {
	h.t.Helper()
	h.exec("create schema shop")
	h.exec("create table shop.orders (order_no text primary key, paid boolean not null default true, amount numeric)")
	h.exec("insert into shop.orders select 'A' || n, true, n from generate_series(1, 7) n")
}

func TestWhatARunOfAScanCounts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.orders()
	for name, body := range map[string]string{
		"many":    "returns setof bigint language sql return (select 9)",
		"number":  "returns bigint language sql return 41",
		"none":    "returns integer language sql return null::integer",
		"nothing": "returns void language sql begin atomic; select 1; end",
		"word":    "returns text language sql return 'x'",
		"rows":    "returns setof text language sql begin atomic; select order_no from shop.orders; end",
		"pair":    "returns table (a int, b int) language sql begin atomic; select 8, 9; end",
	} {
		h.exec("create function shop." + name + "() " + body)
	}
	for _, test := range []struct {
		query  string
		counts bool
		want   string
	}{
		{"select 41 as n", false, "done 1"},
		{"select * from shop.orders; -- all of them", false, "done 7"},
		{"update shop.orders set paid = paid where order_no < 'A4'", false, "done 3"},
		{"delete from shop.orders where order_no = 'A9' returning order_no", false, "done 0"},
		{"create table shop.more ()", false, "done 0"},
		{"do $$ begin end $$", false, "done 0"},
		{"select from shop.orders", true, "done 7"},
		{"select * from shop.number()", true, "done 41"},
		{"select * from shop.none()", true, "done 0"},
		{"select * from shop.nothing()", true, "done 0"},
		{"select * from shop.word()", true, "done 1"},
		{"select * from shop.rows()", true, "done 7"},
		{"select * from shop.pair()", true, "done 1"},
		{"select 1; select 2", false, "failed cannot insert multiple commands into a prepared statement"},
		{"select 1/0", false, "failed division by zero"},
		{"select from shop.ordrs", false, `failed relation "shop.ordrs" does not exist`},
		{"vacuum shop.orders", false, "failed VACUUM cannot run inside a transaction block"},
	} {
		if _, got := h.scan(outbox.Scan{Query: test.query, Counts: test.counts}, false); got != test.want {
			t.Errorf("%s: %s, want %s", test.query, got, test.want)
		}
	}
}

// A scan finds tables as the database's users do, and not only where our own are.
func TestScansHaveTheirOwnSearchPath(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.orders()
	h.exec("create table plain (n int)")
	if _, got := h.scan(outbox.Scan{Query: "select from plain"}, false); got != "done 0" {
		t.Errorf("without a schema: %s", got)
	}
	separator := map[bool]string{true: "&", false: "?"}[strings.Contains(h.url, "?")]
	db, err := postgres.Open(t.Context(), h.url+separator+"search_path=shop&pool_max_conns=3", "w-2")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	h.db = db
	if _, got := h.scan(outbox.Scan{Query: "select from orders"}, false); got != "done 7" {
		t.Errorf("with a search_path in the URL: %s", got)
	}
}

// What one run leaves in its session does not meet the next.
func TestRunsShareNoSession(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, query := range []string{"select pg_advisory_lock(5)", "create temporary table mine ()", "select set_config('work_mem', '64kB', false)"} {
		for range 2 {
			if _, got := h.scan(outbox.Scan{Query: query}, false); !strings.HasPrefix(got, "done") {
				t.Errorf("%s: %s", query, got)
			}
		}
	}
}

// In a copy of the database nothing is compensated, nor closed.
func TestNoScanRunsInACopy(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("update orderbell.setting set cluster = 'another'")
	if _, got := h.scan(outbox.Scan{Query: "create table public.trace ()"}, false); !strings.HasPrefix(got, "failed ") || !strings.Contains(got, "nothing is sent from a copy") {
		t.Errorf("it is recorded as %s", got)
	}
	if one[*string](t, h.pool, "select to_regclass('public.trace')::text") != nil {
		t.Error("it has run")
	}
}

func TestTheWorkerRoleIsEnoughForScans(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.orders()
	h.exec("grant usage on schema shop to orderbell_worker")
	h.exec("grant select on shop.orders to orderbell_worker")
	db, err := postgres.Open(t.Context(), h.url+"&options=-c%20role%3Dorderbell_worker", "w-2")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	h.db = db
	for _, kind := range []outbox.ScanKind{outbox.ScanRun, outbox.ScanExpectNothing, outbox.ScanCompensate} {
		query := strings.TrimSuffix(missing, " -- all of them")
		if _, got := h.scan(outbox.Scan{Name: string(kind), Kind: kind, Query: query}, false); strings.HasPrefix(got, "failed") {
			t.Errorf("%s: %s", kind, got)
		}
	}
	if _, won, err := db.ClaimTick(t.Context(), outbox.Scan{Name: "x", Kind: outbox.ScanRun}, time.Now()); err != nil || !won {
		t.Error(won, err)
	}
	if _, _, err := db.LastTick(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	if _, err := db.BuryScans(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := db.PruneScans(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := db.ScanHealth(t.Context()); err != nil {
		t.Error(err)
	}
	if _, got := h.scan(outbox.Scan{Query: "delete from shop.orders"}, false); got != "failed permission denied for table orders" {
		t.Errorf("what it may not do: %s", got)
	}
}
