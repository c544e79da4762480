package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

// house is a database of its own with one endpoint, m-1, and a worker, w-1.
type house struct {
	t    testing.TB
	url  string
	pool *pgxpool.Pool // as superuser, for what a test does and asserts
	db   *postgres.DB
}

func newHouse(t testing.TB) *house {
	t.Helper()
	return houseAt(t, pgtest.Database(t))
}

func houseAt(t testing.TB, address string) *house {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	h := &house{t: t, url: address, pool: pool}
	h.db = h.worker("w-1")
	h.exec("insert into orderbell.endpoint (id, url) values ('m-1', 'http://shop.example/notify')")
	return h
}

func (h *house) worker(name string) *postgres.DB {
	h.t.Helper()
	db, err := postgres.Open(h.t.Context(), h.url, name)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(db.Close)
	return db
}

func (h *house) exec(statement string, args ...any) {
	h.t.Helper()
	if _, err := h.pool.Exec(h.t.Context(), statement, args...); err != nil {
		h.t.Fatalf("%s: %v", statement, err)
	}
}

// begin opens a transaction that is rolled back when the test ends, unless the
// test has ended it before.
func (h *house) begin() pgx.Tx {
	h.t.Helper()
	tx, err := h.pool.Begin(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

type querying interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// one reads the one value of a query.
func one[T any](t testing.TB, q querying, query string, args ...any) T {
	t.Helper()
	var found T
	if err := q.QueryRow(t.Context(), query, args...).Scan(&found); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return found
}

// all reads a column.
func all[T any](t testing.TB, q querying, query string, args ...any) []T {
	t.Helper()
	rows, err := q.Query(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return found
}

// enqueue writes a notification to m-1 and returns its id.
func (h *house) enqueue(orderNo string) outbox.ID {
	h.t.Helper()
	return one[outbox.ID](h.t, h.pool, "select orderbell.enqueue('m-1', 'trade.success', $1, '{}')", orderNo)
}

func (h *house) cancel(orderNo string) int {
	h.t.Helper()
	return one[int](h.t, h.pool, "select orderbell.cancel('m-1', $1)", orderNo)
}

// lane asks for rows of m-1.
func lane(take int) []outbox.Lane {
	return []outbox.Lane{{Endpoint: "m-1", Take: take, Sendable: true}}
}

// claim claims whatever m-1 has, up to n rows.
func (h *house) claim(db *postgres.DB, n int) []*outbox.Claim {
	h.t.Helper()
	claims, err := db.Claim(h.t.Context(), lane(n), nil, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return claims
}

// claimed enqueues and claims one row.
func (h *house) claimed(orderNo string) *outbox.Claim {
	h.t.Helper()
	id := h.enqueue(orderNo)
	claims := h.claim(h.db, 1)
	if len(claims) != 1 || claims[0].ID != id {
		h.t.Fatalf("claimed %v, want %s alone", claims, outbox.FormatID(id))
	}
	return claims[0]
}

// move changes a delivery behind the program's back: tests move the row, not the clock.
func (h *house) move(id outbox.ID, set string) {
	h.t.Helper()
	h.exec("update orderbell.delivery set "+set+" where notification_id = $1", id)
}

// lapse ends the lease of a claimed row.
func (h *house) lapse(id outbox.ID) {
	h.t.Helper()
	h.move(id, "leased_until = now() - interval '3 s'")
}

// standing is where a notification stands, as its reader sees it.
type standing struct {
	State        string
	AttemptCount int
	Rung         int
	Reason       string // of its ending
	Outcomes     string // of its attempts, in order
}

func (h *house) standing(id outbox.ID) standing {
	h.t.Helper()
	rows, err := h.pool.Query(h.t.Context(), `
		select s.state, s.attempt_count, s.rung, coalesce(f.reason, '') as reason,
		       coalesce((select string_agg(a.attempt || ' ' || a.outcome, ', ' order by a.attempt)
		                 from orderbell.attempt a where a.notification_id = s.id), '') as outcomes
		from orderbell.notification_status s
		left join orderbell.finished f on f.notification_id = s.id and f.round = s.round
		where s.id = $1`, id)
	if err != nil {
		h.t.Fatal(err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[standing])
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

// result is a settlement of a claim with this outcome, as w-1 makes it.
func result(claim *outbox.Claim, outcome outbox.Outcome) *outbox.Settlement {
	policy := &outbox.Policy{Ladder: outbox.Ladder{15 * time.Second, 3 * time.Minute}}
	r := outbox.Result{Outcome: outcome, Elapsed: 25 * time.Millisecond}
	if outcome != outbox.OutcomeAcknowledged {
		r.Error = "because of " + string(outcome)
	}
	return &outbox.Settlement{
		Claim: claim, Result: r, Verdict: policy.Judge(claim, r), Began: time.Now(), Worker: "w-1",
	}
}

// settle settles a batch, all of whose rows it expects to move.
func (h *house) settle(batch ...*outbox.Settlement) []outbox.Settled {
	h.t.Helper()
	moved, held, err := h.db.Settle(h.t.Context(), batch)
	if err != nil {
		h.t.Fatal(err)
	}
	if len(held) != 0 {
		h.t.Fatalf("%d rows are held", len(held))
	}
	return moved
}
