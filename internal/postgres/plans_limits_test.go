package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// What is asked of a few endpoints must not cost more because there are many others,
// whatever the planner knew when it was last told. A function's own statements show in
// no plan, so what was read is counted.
func TestLimitsReadOnlyWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	const (
		fill = `with e as (
				insert into orderbell.endpoint (id, url, max_in_flight, rate_per_second)
				select 'x-' || n, 'http://shop.example/', 5, 5 from generate_series(1, 5000) n on conflict do nothing
			), s as (
				insert into orderbell.slot select 'x-' || n % 5000, 'w/' || n, 1, now() + interval '1 h' from generate_series(1, 10000) n
			), p as (
				insert into orderbell.pace select 'x-' || n from generate_series(1, 5000) n
			)
			insert into orderbell.breaker (endpoint, probe_at, reason, opened_by) select 'x-' || n, now(), 'refused', 'w' from generate_series(1, 5000) n`
		empty   = "with s as (delete from orderbell.slot), p as (delete from orderbell.pace) delete from orderbell.breaker"
		analyze = "analyze orderbell.endpoint, orderbell.slot, orderbell.pace, orderbell.breaker"
	)
	for name, steps := range map[string][]string{
		"full":                              {fill, analyze},
		"analyzed while empty, then filled": {analyze, fill},
		"analyzed when emptied, and filled once more": {fill, empty, analyze, fill},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			for _, table := range []string{"endpoint", "slot", "pace", "breaker"} {
				h.exec("alter table orderbell." + table + " set (autovacuum_enabled = off)")
			}
			for _, step := range steps {
				h.exec(step)
			}
			few := []string{"x-7", "x-8", "x-9"}
			for statement, args := range map[string]pgx.StrictNamedArgs{
				"endpoints": {"ids": few},
				"reserve":   {"endpoints": few, "slots": []int{5, 0, 2}, "sends": []int{1, 2, 3}, "holder": "w-1/0000", "lease": time.Second},
				"probe":     {"endpoints": few, "within": time.Second},
				"break":     {"endpoints": few, "opens": []bool{true, false, true}, "unsent": []bool{false, false, true}, "reasons": []string{"a", "b", "c"}, "worker": "w-1"},
			} {
				h.readsFew(t, statement, args)
			}
		})
	}
}

// readsFew runs a statement as the worker does, takes it back, and asserts that it read
// few rows, and those by an index.
func (h *house) readsFew(t *testing.T, statement string, args pgx.StrictNamedArgs) {
	t.Helper()
	kind := map[string]string{"endpoints": "reads", "break": "settles"}[statement]
	if kind == "" {
		kind = "claims"
	}
	tx, err := pinned(t, h.url, kind).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), statements(t)[statement], args); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	read := all[string](t, tx, `
		select format('%s: %s in %s scans, %s by index', relname, seq_tup_read, seq_scan, idx_tup_fetch)
		from pg_stat_xact_user_tables
		where schemaname = 'orderbell' and (seq_scan > 0 or idx_tup_fetch > 40)`)
	if len(read) > 0 {
		t.Errorf("%s reads too much: %s", statement, strings.Join(read, "; "))
	}
	if n := one[int](t, tx, "select coalesce(sum(idx_tup_fetch), 0) from pg_stat_xact_user_tables where schemaname = 'orderbell'"); n < 3 {
		t.Errorf("%s has read %d rows: nothing was counted", statement, n)
	}
}
