package postgres_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/orderbell/orderbell/internal/outbox"
)

func TestExpectNothingTellsOfGaps(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.orders()
	gaps := outbox.Scan{
		Name: "gaps", Kind: outbox.ScanExpectNothing,
		Query: "select order_no, amount, null as closed_at, repeat('é', 300) as note from shop.orders where paid order by 1",
	}
	report, recorded := h.scan(gaps, false)
	if report.Result != outbox.ScanFound || *report.Rows != 7 || len(report.First) != 5 {
		t.Errorf("found %+v", report)
	}
	note := strings.Repeat("é", 200) + "…"
	first := make([]string, 5)
	for i := range first {
		first[i] = fmt.Sprintf(`{"note": "%s", "amount": "%d", "order_no": "A%d", "closed_at": null}`, note, i+1, i+1)
	}
	if want := "found 7 [" + strings.Join(first, ", ") + "]"; recorded != want {
		t.Errorf("recorded %s\nwant %s", recorded, want)
	}
	gaps.Query = "select from shop.orders where not paid"
	if _, recorded := h.scan(gaps, false); recorded != "done 0" {
		t.Errorf("without gaps: %s", recorded)
	}
	health := one[string](t, h.pool, "select concat_ws(' ', scan, kind, last_result, last_rows, gaps) from orderbell.scan_health")
	if health != "gaps expect_nothing done 0 0" {
		t.Errorf("its health is %s", health)
	}
}

const missing = `select 'm-1' as endpoint, 'trade.success' as event, order_no, '{}'::jsonb as body, 'pay-' || order_no as dedupe_key
	from shop.orders where paid order by order_no; -- all of them`

func TestCompensateEnqueuesOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.orders()
	h.exec("select orderbell.enqueue('m-1', 'trade.success', 'A2', '{}', dedupe_key => 'pay-A2')")
	scan := outbox.Scan{Kind: outbox.ScanCompensate, Query: strings.TrimSuffix(missing, "; -- all of them") + " -- all of them"}
	count := func() int { return one[int](t, h.pool, "select count(*) from orderbell.delivery") }
	report, recorded := h.scan(scan, true)
	if *report.Rows != 7 || *report.Enqueued != 6 || count() != 1 {
		t.Errorf("the dry run: %s, and there are %d", recorded, count())
	}
	if !strings.HasPrefix(recorded, `done 7 6 [{"event": "trade.success", "endpoint": "m-1", "order_no": "A1", "dedupe_key": "pay-A1"}, `) {
		t.Errorf("the dry run is recorded as %s", recorded)
	}
	if dry := one[bool](t, h.pool, "select dry_run from orderbell.scan_run"); !dry {
		t.Error("it is not recorded as dry")
	}
	if _, recorded := h.scan(scan, false); !strings.HasPrefix(recorded, "done 7 6 [") || count() != 7 {
		t.Errorf("the first run: %s, and there are %d", recorded, count())
	}
	if _, recorded := h.scan(scan, false); recorded != "done 7 0" || count() != 7 {
		t.Errorf("the second run: %s, and there are %d", recorded, count())
	}
}

func TestCompensateAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.orders()
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			scan := outbox.Scan{Name: fmt.Sprintf("scan-%d", i), Kind: outbox.ScanCompensate, Query: strings.TrimSuffix(missing, " -- all of them")}
			if _, recorded := h.scan(scan, false); !strings.HasPrefix(recorded, "done 7 ") {
				t.Errorf("scan %d: %s", i, recorded)
			}
		})
	}
	all.Wait()
	if n := one[int](t, h.pool, "select count(*) from orderbell.notification"); n != 7 {
		t.Errorf("%d were enqueued", n)
	}
}

// A row that cannot be enqueued keeps no other from being it, and somebody is told.
func TestCompensateLeavesOutWhatIsWrong(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.orders()
	run := func(columns string) string {
		t.Helper()
		_, recorded := h.scan(outbox.Scan{Kind: outbox.ScanCompensate, Query: "select " + columns + " from shop.orders order by order_no"}, false)
		return recorded
	}
	const good = "'m-1' as endpoint, 'e' as event, order_no, '' as body"
	for columns, want := range map[string]string{
		good + ", null as dedupe_key":                                                    `failed 7 0 left out 7 of 7 rows, the first because of order "A1": it has no dedupe_key`,
		good + ", '' as dedupe_key":                                                      `failed 7 0 left out 7 of 7 rows, the first because of order "A1": it has no dedupe_key`,
		good + ", repeat('x', 1025) as dedupe_key":                                       `failed 7 0 left out 7 of 7 rows, the first because of order "A1": its dedupe_key has more than 1024 bytes`,
		good + ", order_no as dedup_key":                                                 `failed column q.dedupe_key does not exist; Perhaps you meant to reference the column "q.dedup_key".`,
		"'m-1' as endpoint, order_no as dedupe_key":                                      "failed column q.event does not exist",
		good + ", 1/(amount - 3) as dedupe_key":                                          "failed division by zero",
		"null as event, 'm-1' as endpoint, order_no, '' as body, order_no as dedupe_key": `failed 7 0 left out 7 of 7 rows, the first because of order "A1": its endpoint, event, order_no or body is null`,
	} {
		if got := run(columns); !strings.HasPrefix(got, want) {
			t.Errorf("%s:\n%s, want\n%s", columns, got, want)
		}
	}
	if n := one[int](t, h.pool, "select count(*) from orderbell.notification"); n != 0 {
		t.Errorf("%d were enqueued", n)
	}
	got := run("case order_no when 'A3' then 'm-9' else 'm-1' end as endpoint, 'e' as event, order_no, '' as body, order_no as dedupe_key")
	if !strings.HasPrefix(got, `failed 7 6 left out 1 of 7 rows, the first because of order "A3": unknown endpoint "m-9" [{`) {
		t.Errorf("one with an unknown endpoint: %s", got)
	}
	if n := one[int](t, h.pool, "select count(*) from orderbell.notification"); n != 6 {
		t.Errorf("%d were enqueued", n)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.orders()
	h.exec("create table shop.lines (order_no text references shop.orders deferrable initially deferred)")
	for query, want := range map[string]string{
		"delete from shop.orders returning order_no":   "done 7",
		"drop table shop.orders cascade":               "done 0",
		"insert into shop.lines values ('nowhere')":    `failed insert or update on table "lines" violates foreign key constraint`,
		"select orderbell.enqueue('m-1','e','A1','b')": "done 1",
	} {
		if _, got := h.scan(outbox.Scan{Query: query}, true); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	if n := one[int](t, h.pool, "select (select count(*) from shop.orders) + (select count(*) from orderbell.notification)"); n != 7 {
		t.Errorf("%d are there", n)
	}
}
