package main_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scanFile configures the three kinds of scans, none of which comes due in a test.
const scanFile = `
scans:
  - name: unnotified
    schedule: "CRON_TZ=Asia/Shanghai 30 3 1 1 *"
    kind: compensate
    query: |
      select 'm-1' as endpoint, 'trade.success' as event, order_no, '{}' as body, 'pay-' || order_no as dedupe_key
      from shop.orders
  - name: gaps
    schedule: "@yearly"
    kind: expect_nothing
    query: select order_no, paid_at from shop.orders order by 1
  - name: close-unpaid
    schedule: "0 0 1 1 *"
    function: shop.close_unpaid
  - name: broken
    schedule: "0 0 0 1 1 *"
    query: select from shop.ordrs
    timeout: 1s
`

func newScannedShop(t testing.TB) (s *shop, args func(string) []string) {
	t.Helper()
	s = newShop(t)
	s.endpoint("m-1", "https://shop.example/notify")
	s.exec("create schema shop")
	s.exec("create table shop.orders (order_no text, paid_at date)")
	s.exec("insert into shop.orders select 'o-' || n, '2026-11-20' from generate_series(1, 6) n")
	s.exec("create function shop.close_unpaid() returns bigint language sql begin atomic; with gone as (delete from shop.orders returning 1) select count(*) from gone; end")
	file := configFile(t, scanFile)
	return s, func(line string) []string { return append(strings.Fields(line), "--config", file) }
}

func TestScanRun(t *testing.T) {
	t.Parallel()
	s, args := newScannedShop(t)
	for _, step := range []struct {
		args           string
		status         int
		stdout, stderr string
		left           string // orders and notifications
	}{
		{"scan run gaps", 1, "gaps: 6 gaps (", "orderbell: scan gaps found 6 gaps\n", "6 0"},
		{"scan run unnotified --dry-run", 0, "unnotified: 6 of 6 rows would be enqueued, the others are there; nothing was changed (", "", "6 0"},
		{"scan run unnotified", 0, "unnotified: 6 of 6 rows enqueued, the others were there (", "", "6 6"},
		{"scan run unnotified", 0, "unnotified: 0 of 6 rows enqueued, the others were there (", "", "6 6"},
		{"scan run close-unpaid --dry-run", 0, "close-unpaid: 6 rows; all of it was undone (", "", "6 6"},
		{"scan run close-unpaid", 0, "close-unpaid: 6 rows (", "", "0 6"},
		{"scan run gaps", 0, "gaps: 0 gaps (", "", "0 6"},
		{"scan run broken", 1, "", `orderbell: scan broken failed: relation "shop.ordrs" does not exist` + "\n", "0 6"},
	} {
		run(t, s.env(), args(step.args)...).wants(t, step.status, step.stdout, step.stderr)
		if left := s.get("select (select count(*) from shop.orders) || ' ' || (select count(*) from orderbell.notification)"); left != step.left {
			t.Errorf("after %s there are %s, want %s", step.args, left, step.left)
		}
	}
	recorded := s.get("select string_agg(concat_ws(' ', scan, result, case when dry_run then 'dry' end, rows), ', ' order by id) from orderbell.scan_run")
	want := "gaps found 6, unnotified done dry 6, unnotified done 6, unnotified done 6, close-unpaid done dry 6, close-unpaid done 6, gaps done 0, broken failed"
	if recorded != want {
		t.Errorf("recorded are %s\nwant %s", recorded, want)
	}
}

func TestScanRunShowsGaps(t *testing.T) {
	t.Parallel()
	s, args := newScannedShop(t)
	s.exec("update shop.orders set paid_at = null, order_no = e'o\\x1b[2J' where order_no = 'o-1'")
	got := run(t, s.env(), args("scan run gaps")...)
	for _, line := range []string{"order_no    paid_at\n", `"o\x1b[2J"`, "  NULL\n", "\no-2", "\no-5", "\n…\n"} {
		if !strings.Contains(got.stdout, line) {
			t.Errorf("%q is not shown:\n%s", line, got.stdout)
		}
	}
	got = run(t, s.env(), args("scan run --json gaps")...)
	got.wants(t, 1, "{", "found 6 gaps")
	var object struct {
		Scan, Kind, Result string
		Rows               int
		Enqueued           *int
		DryRun             *bool               `json:"dry_run"`
		TookMs             *int                `json:"took_ms"`
		Details            []map[string]string `json:"details"`
	}
	decoder := json.NewDecoder(strings.NewReader(got.stdout))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&object); err != nil {
		t.Fatal(err)
	}
	if object.Scan != "gaps" || object.Kind != "expect_nothing" || object.Result != "found" || object.Rows != 6 || object.Enqueued != nil ||
		*object.DryRun || object.TookMs == nil || len(object.Details) != 5 || object.Details[4]["order_no"] != "o-5" {
		t.Errorf("the object is %s", got.stdout)
	}
}

func TestScanRunRefuses(t *testing.T) {
	t.Parallel()
	s, args := newScannedShop(t)
	got := run(t, s.env(), args("scan run nightly")...)
	got.wants(t, 2, "", "there is no scan nightly; the configuration has: unnotified, gaps, close-unpaid, broken")
	got.oneLine(t)
	got = run(t, s.env(), "scan", "run", "nightly")
	got.wants(t, 2, "", "there is no scan nightly: the configuration has none; name its file with --config")
	got.oneLine(t)
	// While a worker runs it, it is left to the worker.
	s.exec("insert into orderbell.scan_run (scan, kind, worker) values ('gaps', 'expect_nothing', 'w-1')")
	tx, err := s.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), "select pg_advisory_xact_lock(1330795331, hashtext('gaps'))"); err != nil {
		t.Fatal(err)
	}
	got = run(t, s.env(), args("scan run gaps")...)
	got.wants(t, 1, "", "scan gaps was skipped: the run before was still going on")
	got.oneLine(t)
}

func TestScanList(t *testing.T) {
	t.Parallel()
	s, args := newScannedShop(t)
	got := run(t, s.env(), args("scan list")...)
	got.wants(t, 0, "unnotified", "")
	if strings.Count(got.stdout, "  none\n") != 4 {
		t.Errorf("before any run it says:\n%s", got.stdout)
	}
	for _, name := range []string{"unnotified", "gaps", "close-unpaid", "broken"} {
		run(t, s.env(), args("scan run "+name)...)
	}
	s.exec("insert into orderbell.scan_run (scan, kind, worker) values ('gaps', 'expect_nothing', 'w-1')")
	got = run(t, s.env(), args("scan list")...)
	for _, line := range []string{
		"scan ", "-12-31 19:30:00 UTC", "-01-01 00:00:00 UTC", "CRON_TZ=Asia/Shanghai 30 3 1 1 *", ": 6 of 6 rows enqueued\n",
		": 6 gaps; running since ", " on w-1\n", ": 6 rows\n", `: relation "shop.ordrs" does not exist`,
	} {
		if !strings.Contains(got.stdout, line) {
			t.Errorf("%q is not there:\n%s", line, got.stdout)
		}
	}
	got = run(t, s.env(), args("scan list --json")...)
	var object struct {
		Scans []struct {
			Scan       string
			NextTick   string `json:"next_tick"`
			LastResult string `json:"last_result"`
			LastRows   int    `json:"last_rows"`
		}
	}
	if err := json.Unmarshal([]byte(got.stdout), &object); err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, scan := range object.Scans {
		said = append(said, fmt.Sprint(scan.Scan, " ", scan.LastResult, " ", scan.LastRows, " ", strings.HasSuffix(scan.NextTick, ":00Z")))
	}
	if diff := cmp.Diff([]string{"unnotified done 6 true", "gaps found 6 true", "close-unpaid done 6 true", "broken failed 0 true"}, said); diff != "" {
		t.Errorf("objects (-want +got):\n%s\n%s", diff, got.stdout)
	}
	run(t, s.env(), "scan", "list", "--json").wants(t, 0, `"scans": []`, "")
}

// Wrong schedules are problems of the configuration: in their place, beside all others, for
// every command.
func TestWrongSchedules(t *testing.T) {
	t.Parallel()
	file := configFile(t, `scans:
  - {name: a, schedule: "61 * * * *", query: q}
  - name: b
    schedule: CRON_TZ=UTC
    query: q
    colour: blue
  - {name: c, schedule: "* * * * *", query: q}
log: {level: loud}
`)
	for _, command := range []string{"config check", "work", "work --private-database", "status", "scan run c"} {
		got := run(t, []string{"ORDERBELL_DATABASE_URL=postgres://localhost/shop", "ORDERBELL_LOG_FORMAT=prose"}, append(strings.Fields(command), "--config", file)...)
		want := file + ":2:15: scans.schedule: \"61 * * * *\" is no schedule (end of range (61) above maximum (59): 61); allowed: "
		got.wants(t, 2, "", want)
		var places []string
		for line := range strings.Lines(got.stderr) {
			place, _, _ := strings.Cut(strings.TrimPrefix(line, file+":"), ": ")
			places = append(places, place)
		}
		if diff := cmp.Diff([]string{"2:15", "4:5", "6:5", "8:7", "orderbell"}, places); diff != "" {
			t.Errorf("%s: problems (-want +got):\n%s\n%s", command, diff, got.stderr)
		}
	}
}
