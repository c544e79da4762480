package postgres_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A lane with thousands of rows that wait for their turn in front: a claim goes by its
// indexes, and queue moves them away, so that the next claim does not walk over them.
func TestALaneThatWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("alter table orderbell.delivery set (autovacuum_enabled = off)")
	// All due: heads that nobody may claim now, the rest of their keys, and behind them one
	// that is free.
	h.exec(`insert into orderbell.notification (endpoint, event, order_no, body, sequence_key)
		select 'm-1', 'e', g::text, '{}', 'k' || g % 50 from generate_series(0, 3999) g`)
	h.exec(`update orderbell.delivery set next_attempt_at = now() - interval '10 s', state = case when seq <= 50 then 'in_flight' else 'pending' end::orderbell.state,
		attempt_count = case when seq <= 50 then 1 else 0 end, claimed_by = case when seq <= 50 then 'w-2' end, leased_until = case when seq <= 50 then now() + interval '8 s' end`)
	h.exec("analyze orderbell.delivery")
	h.enqueue("free")
	claims := pinned(t, h.url, "claims")
	args := pgx.StrictNamedArgs{
		"endpoints": []string{"m-1"}, "froms": []time.Time{{}}, "takes": []int{50}, "sendable": []bool{true}, "suspects": []bool{false},
		"unsigned": []bool{false}, "aheads": []time.Duration{0}, "policies": []string{}, "signing": []string{}, "free": 2, "holder": "w-1/0000", "lease": 8 * time.Second,
	}
	plan := explain(t, claims, statements(t)["claim"], args)
	for _, index := range []string{"delivery_lane", "delivery_sequence", "Tid Scan on delivery"} {
		if !strings.Contains(plan, index) {
			t.Errorf("the claim does not use %s:\n%s", index, plan)
		}
	}
	if seqScan.MatchString(plan) || walked(plan) < 3900 {
		t.Errorf("the plan, which should walk over 3,950 rows:\n%s", plan)
	}
	// The heads come back with a rung to wait for.
	h.exec("update orderbell.delivery set state = 'pending', claimed_by = null, leased_until = null, next_attempt_at = now() + interval '15 s' where seq <= 50")
	if n := h.queue(); n != 3950 {
		t.Errorf("queue moved %d rows", n)
	}
	if plan := explain(t, claims, statements(t)["claim"], args); walked(plan) > 100 {
		t.Errorf("the claim walks over what was moved away:\n%s", plan)
	}
	h.onlyClaims(h.db, "free")
}

// walked is how many rows a plan's filters have removed at the most.
func walked(plan string) (most int) {
	for _, removed := range removedRows.FindAllStringSubmatch(plan, -1) {
		if n, err := strconv.Atoi(removed[1]); err == nil {
			most = max(most, n)
		}
	}
	return most
}

// Claims of rows with a key change no index: they are heap-only updates.
func TestClaimsOfSequencesAreHot(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("alter table orderbell.delivery set (autovacuum_enabled = off)")
	h.exec(`insert into orderbell.notification (endpoint, event, order_no, body, sequence_key)
		select 'm-1', 'e', g::text, '{}', 'k' || g from generate_series(1, 500) g`)
	tx := h.begin()
	if _, err := tx.Exec(t.Context(), `update orderbell.delivery d set state = 'in_flight', leased_until = now() + interval '8 s', claimed_by = 'w-1/0000', attempt_count = 1`); err != nil {
		t.Fatal(err)
	}
	var updated, hot int
	if err := tx.QueryRow(t.Context(), "select n_tup_upd, n_tup_hot_upd from pg_stat_xact_user_tables where relid = 'orderbell.delivery'::regclass").Scan(&updated, &hot); err != nil {
		t.Fatal(err)
	}
	if updated != 500 || hot != updated {
		t.Errorf("%d of %d updates are heap-only", hot, updated)
	}
}
