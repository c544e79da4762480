package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

// health is a row of orderbell.endpoint_health; times are how long ago, in whole minutes.
type health struct {
	Endpoint                  string
	Pending, InFlight, Parked int
	OldestDue                 *int
	Attempts24h               int      `db:"attempts_24h"`
	Acknowledged24h           int      `db:"acknowledged_24h"`
	SuccessRate24h            *float64 `db:"success_rate_24h"`
	P50Ms24h                  *float64 `db:"p50_ms_24h"`
	P95Ms24h                  *float64 `db:"p95_ms_24h"`
	LastAcknowledged          *int
	Breaker                   string
	Paused                    bool
}

func (h *house) health() []health {
	h.t.Helper()
	rows, err := h.pool.Query(h.t.Context(), `
		select endpoint, pending, in_flight, parked, round(extract(epoch from now() - oldest_due_at) / 60)::int as oldest_due,
		       attempts_24h, acknowledged_24h, success_rate_24h, p50_ms_24h, p95_ms_24h,
		       round(extract(epoch from now() - last_acknowledged_at) / 60)::int as last_acknowledged, breaker, paused_at is not null as paused
		from orderbell.endpoint_health order by endpoint`)
	if err != nil {
		h.t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[health])
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

// attempt writes history: an attempt of that many minutes ago, of a notification that
// was made then.
func (h *house) attempt(endpoint string, ago, ms int, outcome outbox.Outcome) {
	h.t.Helper()
	h.exec(`insert into orderbell.attempt (notification_id, attempt, round, started_at, duration_us, outcome, endpoint, worker)
		values (orderbell.uuid7(now() - $1 * interval '1 min'), 1, 0, now() - $1 * interval '1 min', $2 * 1000, $3::text::orderbell.outcome, $4, 'w-1')`,
		ago, ms, string(outcome), endpoint)
}

func TestEndpointHealth(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("delete from orderbell.endpoint")
	h.exec(`insert into orderbell.endpoint (id, url, policy) select id, 'http://shop.example', policy
		from (values ('busy', 'standard'), ('ill', 'standard'), ('new', 'standard'), ('parked', 'quick'), ('probed', 'standard'), ('quiet', 'standard'), ('ours', 'standard')) e (id, policy)`)
	const day = 24 * 60
	for i := range 18 {
		h.attempt("busy", 10+i, 10+i, outbox.OutcomeAcknowledged)
	}
	h.attempt("busy", 30, 28, outbox.OutcomeTimeout)
	h.attempt("busy", 31, 1000, outbox.OutcomeBlocked)
	h.attempt("busy", 32, 90000, outbox.OutcomeInterrupted)
	h.attempt("busy", 33, 90000, outbox.OutcomeUnknown)
	h.attempt("busy", day+1, 90000, outbox.OutcomeAnswered)
	h.attempt("quiet", 2*day, 5, outbox.OutcomeAcknowledged)
	h.attempt("quiet", 3*day, 5, outbox.OutcomeAcknowledged)
	h.attempt("new", 9*day, 5, outbox.OutcomeAcknowledged) // not looked at any more
	h.attempt("ours", 1, 5, outbox.OutcomeUnknown)
	enqueue := func(endpoint, set string) {
		h.move(one[outbox.ID](t, h.pool, "select orderbell.enqueue($1, 'e', 'A1', '')", endpoint), set)
	}
	enqueue("busy", "next_attempt_at = now() + interval '1 h'")
	enqueue("busy", "state = 'in_flight', attempt_count = 1, claimed_by = 'w', leased_until = now(), next_attempt_at = now() - interval '1 h'")
	enqueue("busy", "state = 'held', next_attempt_at = 'infinity'")
	for i := range 3 {
		enqueue("ill", fmt.Sprintf("next_attempt_at = now() - interval '%d min'", 10+i))
	}
	enqueue("parked", "next_attempt_at = now() - interval '7 min'")
	h.exec("update orderbell.policy set fault = 'it does not compile' where name = 'quick'")
	h.exec("select orderbell.pause('quiet')")
	h.breaks(h.db, outbox.Breaking{Endpoint: "ill", Open: true, Reason: "refused"}, outbox.Breaking{Endpoint: "probed", Open: true, Reason: "refused"})
	h.exec("update orderbell.breaker set probe_at = now()")
	if _, err := h.db.Probe(t.Context(), []string{"probed"}, time.Minute); err != nil {
		t.Fatal(err)
	}

	want := []health{
		{
			Endpoint: "busy", Pending: 1, InFlight: 1, Attempts24h: 22, Acknowledged24h: 18, SuccessRate24h: new(0.9),
			// Of 10, 11, ..., 28 and 1000: between the 10th and the 11th, and near the 19th.
			P50Ms24h: new(19.5), P95Ms24h: new(76.6), LastAcknowledged: new(10), Breaker: "closed",
		},
		{Endpoint: "ill", Pending: 3, OldestDue: new(12), Breaker: "open"},
		{Endpoint: "new", Breaker: "closed"},
		{Endpoint: "ours", Attempts24h: 1, Breaker: "closed"},
		{Endpoint: "parked", Pending: 1, Parked: 1, OldestDue: new(7), Breaker: "closed"},
		{Endpoint: "probed", Breaker: "half_open"},
		{Endpoint: "quiet", LastAcknowledged: new(2 * day), Breaker: "closed", Paused: true},
	}
	if diff := cmp.Diff(want, h.health()); diff != "" {
		t.Errorf("health (-want +got):\n%s", diff)
	}
}

// The columns are a promise, in this order.
func TestEndpointHealthColumns(t *testing.T) {
	t.Parallel()
	got := all[string](t, newHouse(t).pool, `select attname::text from pg_attribute
		where attrelid = 'orderbell.endpoint_health'::regclass and attnum > 0 order by attnum`)
	want := []string{
		"endpoint", "pending", "in_flight", "parked", "oldest_due_at", "attempts_24h", "acknowledged_24h",
		"success_rate_24h", "p50_ms_24h", "p95_ms_24h", "last_acknowledged_at", "breaker", "paused_at",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
}

// Days before the last eight are not even looked at.
func TestEndpointHealthReadsAFewDays(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	days := all[string](t, h.pool, `
		select 'attempt_' || to_char((now() at time zone 'UTC')::date - ago, 'YYYYMMDD')
		from unnest(array[9, 20, 40]) ago
		where orderbell.make_partition('attempt', 'notification_id', (now() at time zone 'UTC')::date - ago) = 1`)
	if len(days) != 3 {
		t.Fatalf("made %v", days)
	}
	plan := strings.Join(all[string](t, h.pool, "explain select * from orderbell.endpoint_health"), "\n")
	if !strings.Contains(plan, "attempt_default") {
		t.Errorf("it reads no attempts:\n%s", plan)
	}
	for _, day := range days {
		if strings.Contains(plan, day) {
			t.Errorf("it reads %s:\n%s", day, plan)
		}
	}
}
