package app_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/devpg"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

// pulls waits until exactly these orders have come, each once.
func (p *puller) pulls(limit int, orderNos ...string) {
	p.t.Helper()
	pgtest.Eventually(p.t, 30*time.Second, fmt.Sprint(len(orderNos), " orders are pulled"), func() error {
		for p.next(limit) > 0 {
		}
		for _, orderNo := range orderNos {
			if p.seen[orderNo] == 0 {
				return fmt.Errorf("%s is missing, of %v", orderNo, p.seen)
			}
		}
		return nil
	})
	for orderNo, n := range p.seen {
		if n > 1 {
			p.t.Errorf("%s came %d times", orderNo, n)
		}
	}
	if len(p.seen) != len(orderNos) {
		p.t.Errorf("pulled %v, want %v", p.seen, orderNos)
	}
}

// begin opens an order's transaction, which is rolled back unless the test ends it.
func (s *shop) begin() pgx.Tx {
	s.t.Helper()
	tx, err := s.db.Begin(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

func (s *shop) in(tx pgx.Tx, statement string) {
	s.t.Helper()
	if _, err := tx.Exec(s.t.Context(), statement); err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
}

func (s *shop) commit(tx pgx.Tx) {
	s.t.Helper()
	if err := tx.Commit(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// pulledPast pulls until an order is so old that nothing but an open one keeps it back.
func (p *puller) pulledPast(orderNo string) {
	p.t.Helper()
	pgtest.Eventually(p.t, 30*time.Second, orderNo+" is old enough to be pulled", func() error {
		var ago time.Duration
		p.shop.get("select clock_timestamp() - created_at from orderbell.notification where order_no = $1", []any{orderNo}, &ago)
		if p.next(100); ago < 2*time.Second {
			return fmt.Errorf("it is %s old", ago)
		}
		return nil
	})
}

// An order that was opened before a page and commits after it is on a later page: later ones
// wait for it.
func TestAnOrderThatCommitsLateIsPulled(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.endpoint("m-1", "http://127.0.0.1:1/", "quick")
	s.endpoint("m-2", "http://127.0.0.1:1/", "quick")
	c := s.opens(nil)
	p := c.puller(s.token("m-1"))
	s.enqueue("m-1", "first", "")
	p.pulls(10, "first")
	late := s.begin()
	s.in(late, "insert into orderbell.notification (endpoint, event, order_no, body) values ('m-1', 'e', 'late', '')")
	s.enqueue("m-1", "second", "")
	p.pulledPast("second")
	if p.seen["first"] != 1 || len(p.seen) != 1 {
		t.Errorf("pulled %v beside an open order", p.seen)
	}
	s.commit(late)
	p.pulls(10, "first", "late", "second")
	// And what is rolled back holds up nobody.
	gone := s.begin()
	s.in(gone, "insert into orderbell.notification (endpoint, event, order_no, body) values ('m-2', 'e', 'gone', '')")
	s.enqueue("m-1", "third", "")
	p.next(10)
	_ = gone.Rollback(t.Context())
	p.pulls(10, "first", "late", "second", "third")
}

// enqueue() makes the id, and then waits for another order with the same key: it has not
// written to notification yet.
func TestAnOrderThatWaitsForItsKeyIsPulled(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.endpoint("m-1", "http://127.0.0.1:1/", "quick")
	p := s.opens(nil).puller(s.token("m-1"))
	p.next(10)
	const enqueue = "select orderbell.enqueue('m-1', 'e', '%s', '', dedupe_key => 'k')"
	first, second := s.begin(), s.begin()
	s.in(first, "insert into orderbell.dedupe (endpoint, key, id) values ('m-1', 'k', gen_random_uuid())")
	waiting := make(chan error, 1)
	go func() {
		_, err := second.Exec(t.Context(), fmt.Sprintf(enqueue, "waited"))
		waiting <- err
	}()
	pgtest.Eventually(t, 20*time.Second, "the second order waits", func() error {
		if n := s.count("select count(*) from pg_locks where not granted and locktype = 'transactionid'"); n == 0 {
			return errors.New("it does not")
		}
		return nil
	})
	s.enqueue("m-1", "later", "")
	p.pulledPast("later")
	_ = first.Rollback(t.Context())
	if err := <-waiting; err != nil {
		t.Fatal(err)
	}
	s.commit(second)
	p.pulls(10, "waited", "later")
}

// A transaction that is prepared has another name, and no session.
func TestAPreparedOrderIsPulled(t *testing.T) {
	t.Parallel()
	server, err := devpg.Start(t.Context(), devpg.Options{Settings: map[string]string{"shared_buffers": "32MB", "max_prepared_transactions": "5"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	if err := postgres.MigrateUp(t.Context(), server.URL("postgres")); err != nil {
		t.Fatal(err)
	}
	s := shopAt(t, server.URL("postgres"))
	s.endpoint("m-1", "http://127.0.0.1:1/", "quick")
	s.exec("update orderbell.setting set wake = 'poll'") // NOTIFY cannot be prepared
	p := s.opens(nil).puller(s.token("m-1"))
	p.next(10)
	prepare := func(tx pgx.Tx, orderNo string) {
		s.in(tx, "insert into orderbell.notification (endpoint, event, order_no, body) values ('m-1', 'e', '"+orderNo+"', '')")
		p.next(10) // it has a name
		s.in(tx, "prepare transaction '"+orderNo+"'")
	}
	prepare(s.begin(), "prepared")
	s.enqueue("m-1", "later", "")
	p.pulledPast("later")
	// Another process knows nothing of before.
	other := s.opens(nil).puller(p.token)
	other.next(10)
	s.exec("commit prepared 'prepared'")
	p.pulls(10, "prepared", "later")
	other.pulls(10, "prepared", "later")
}

// Four sell, and commit in any order after any time, or not at all; whoever pulls gets each
// notification once.
func TestWhoPullsGetsEachOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, id := range []string{"m-1", "m-2"} {
		s.endpoint(id, "http://127.0.0.1:1/", "quick")
	}
	c := s.opens(nil)
	pullers := []*puller{c.puller(s.token("m-1")), s.opens(nil).puller(s.token("m-1")), c.puller(s.token("m-2"))}
	var (
		mu        sync.Mutex
		committed = map[string][]string{}
		selling   sync.WaitGroup
	)
	for writer := range 4 {
		draw := rand.New(rand.NewPCG(uint64(writer), 7))
		selling.Go(func() {
			for n := range 125 {
				orderNo, endpoint, commits := fmt.Sprintf("%d-%d", writer, n), fmt.Sprint("m-", 1+draw.IntN(2)), draw.IntN(8) > 0
				tx, err := s.db.Begin(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				const order = `insert into orderbell.notification (endpoint, event, order_no, body) values ($1, 'e', $2, repeat('x', 1000))`
				if _, err = tx.Exec(t.Context(), order, endpoint, orderNo); err == nil {
					// The longer ones commit after what came later.
					_, err = tx.Exec(t.Context(), "select pg_sleep($1)", min(1.5, draw.ExpFloat64()*0.01*float64(1+draw.IntN(2)*draw.IntN(10))))
				}
				if err == nil && commits {
					if err = tx.Commit(t.Context()); err == nil {
						mu.Lock()
						committed[endpoint] = append(committed[endpoint], orderNo)
						mu.Unlock()
					}
				}
				_ = tx.Rollback(context.Background())
				if err != nil {
					t.Errorf("order %s: %v", orderNo, err)
				}
			}
		})
	}
	sold := make(chan struct{})
	go func() { selling.Wait(); close(sold) }()
	var pulling sync.WaitGroup
	for i, p := range pullers {
		pulling.Go(func() {
			for limit := 1 + 7*i; ; limit = 1 + (limit*5)%90 {
				p.next(limit)
				select {
				case <-sold:
					return
				default:
				}
			}
		})
	}
	pulling.Wait()
	for i, p := range pullers {
		p.pulls(500, committed[[]string{"m-1", "m-1", "m-2"}[i]]...)
	}
}

// A page is no longer than its bodies allow, and says so.
func TestLongBodiesMakeShortPages(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.endpoint("m-1", "http://127.0.0.1:1/", "quick")
	s.exec("insert into orderbell.notification (endpoint, event, order_no, body) select 'm-1', 'e', n::text, repeat('x', 200000) from generate_series(1, 45) n")
	s.exec("update orderbell.setting set max_body_bytes = 9000000")
	s.enqueue("m-1", "huge", strings.Repeat("x", 8000000))
	p := s.opens(nil).puller(s.token("m-1"))
	p.pulledPast("huge")
	after, pages := "", [][2]int{}
	for {
		got := p.pull(p.token, after, 500)
		if len(got.Notifications) == 0 && !got.More {
			break
		}
		bytes := 0
		for _, n := range got.Notifications {
			bytes += len(n["body"].(string))
		}
		pages, after = append(pages, [2]int{len(got.Notifications), bytes}), got.NextCursor
	}
	if got, want := fmt.Sprint(pages), "[[20 4000000] [20 4000000] [5 1000000] [1 8000000]]"; got != want {
		t.Errorf("pages are %s, want %s", got, want)
	}
}
