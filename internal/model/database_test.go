package model_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

// database is a PostgreSQL with two workers, used by one sequence after the other.
type database struct {
	url       string
	pool      *pgxpool.Pool // for what the business does, and the tests
	workers   [3]*postgres.DB
	sequences int
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	d := &database{url: pgtest.Database(t)}
	config, err := pgxpool.ParseConfig(d.url)
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_generic_plan" // planning would take longest
	if d.pool, err = pgxpool.NewWithConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.pool.Close)
	for worker := 1; worker <= 2; worker++ {
		if err := d.start(t.Context(), worker); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.workers[worker].Close() })
	}
	return d
}

// start starts a worker, or starts it anew: as another process of the same name.
func (d *database) start(ctx context.Context, worker int) error {
	db, err := postgres.Open(context.WithoutCancel(ctx), d.url, fmt.Sprintf("w-%d", worker))
	if err != nil {
		return err
	}
	if old := d.workers[worker]; old != nil {
		old.Close()
	}
	d.workers[worker] = db
	return nil
}

// tester is what testing and rapid have in common, as far as it is needed here.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
	Context() context.Context
	Cleanup(f func())
}

// sequence is the steps of one test on PostgreSQL, with endpoints of its own.
type sequence struct {
	*database
	t         tester
	number    int
	book      int // tells orders of one sequence apart, where it begins anew
	endpoints int
	policy    *outbox.Policy
	ids       []outbox.ID // of the notifications
	tx        pgx.Tx
	hands     [3]map[token]*inHand
	spare     []outbox.ID // for notifications that are placed
	holders   [3]string   // what claimed_by says of the workers
}

// sequence begins with m, which is empty.
func (d *database) sequence(t tester, m *model) *sequence {
	t.Helper()
	d.sequences++
	s := &sequence{database: d, t: t, number: d.sequences, endpoints: m.endpoints, policy: m.ladder.policy()}
	for worker := range s.hands {
		s.hands[worker] = make(map[token]*inHand)
	}
	for n := 1; n <= m.endpoints; n++ {
		s.exec("insert into orderbell.endpoint (id, url) values ($1, 'http://shop.example/')", s.endpoint(n))
	}
	t.Cleanup(s.end)
	return s
}

// end leaves nothing unfinished behind: ended leases are looked for in all rows.
func (s *sequence) end() {
	ctx := context.Background()
	if s.tx != nil {
		_ = s.tx.Rollback(ctx)
		s.tx = nil
	}
	_, _ = s.pool.Exec(ctx, "delete from orderbell.delivery where notification_id = any ($1)", s.ids)
	s.ids = nil
}

func (l ladder) policy() *outbox.Policy {
	policy := &outbox.Policy{RetryAfterCap: time.Duration(l.retryAfterCap) * time.Hour}
	for _, hours := range l.rungs {
		policy.Ladder = append(policy.Ladder, time.Duration(hours)*time.Hour)
	}
	return policy
}

func (s *sequence) endpoint(n int) string { return fmt.Sprintf("m-%d-%d", s.number, n) }

func (s *sequence) exec(statement string, args ...any) {
	s.t.Helper()
	if _, err := s.pool.Exec(s.t.Context(), statement, args...); err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
}

// business is where the business sends its statements: its open transaction, which
// is begun where there is none, or a transaction for each.
func (s *sequence) business(inTx bool) interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
} {
	s.t.Helper()
	if !inTx {
		return s.pool
	}
	if s.tx == nil {
		tx, err := s.pool.Begin(context.WithoutCancel(s.t.Context()))
		if err != nil {
			s.t.Fatalf("begin: %v", err)
		}
		s.tx = tx
	}
	return s.tx
}

func (s *sequence) do(does step) (said reply) {
	s.t.Helper()
	switch does.kind {
	case enqueue:
		said.number = s.enqueue(does)
	case cancel:
		said.number = s.cancel(does)
	case commit:
		s.close(s.tx.Commit)
	case rollback:
		s.close(s.tx.Rollback)
	case expire:
		s.exec("update orderbell.delivery set leased_until = now() - interval '1 s' where notification_id = $1", s.ids[does.row])
	case pass:
		s.exec("update orderbell.delivery set next_attempt_at = now() where notification_id = $1", s.ids[does.row])
	default:
		return s.work(does)
	}
	return said
}

func (s *sequence) enqueue(does step) int {
	s.t.Helper()
	statement := "select orderbell.enqueue($1, 'e', $2, '{}', dedupe_key => nullif($3, 'key 0'))"
	if does.plain {
		statement = "insert into orderbell.notification (endpoint, event, order_no, body, dedupe_key) values ($1, 'e', $2, '{}', nullif($3, 'key 0')) returning id"
	}
	var id outbox.ID
	order, endpoint := s.order(does.order)
	err := s.business(does.inTx).QueryRow(s.t.Context(), statement, endpoint, order, fmt.Sprintf("key %d", does.key)).Scan(&id)
	if err != nil {
		s.t.Fatalf("%s: %v", does, err)
	}
	if row := slices.Index(s.ids, id); row >= 0 {
		return row
	}
	s.ids = append(s.ids, id)
	return len(s.ids) - 1
}

// order gives an order's number and its endpoint.
func (s *sequence) order(n int) (order, endpoint string) {
	return fmt.Sprintf("A%d-%d", s.book, n), s.endpoint(1 + (n-1)%s.endpoints)
}

func (s *sequence) cancel(does step) (count int) {
	s.t.Helper()
	order, endpoint := s.order(does.order)
	err := s.business(does.inTx).QueryRow(s.t.Context(), "select orderbell.cancel($1, $2)", endpoint, order).Scan(&count)
	if err != nil {
		s.t.Fatalf("%s: %v", does, err)
	}
	return count
}

func (s *sequence) close(how func(context.Context) error) {
	s.t.Helper()
	s.tx = nil
	if err := how(s.t.Context()); err != nil {
		s.t.Fatalf("end the transaction: %v", err)
	}
}

// workerOf takes the number from a worker's name, which may be followed by the
// token of its process.
func workerOf(name string) (worker int) {
	name, _, _ = strings.Cut(name, "/")
	_, _ = fmt.Sscanf(name, "w-%d", &worker)
	return worker
}
