package app_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// allFinished waits until nothing is unfinished.
func (s *shop) allFinished(within time.Duration) {
	s.t.Helper()
	pgtest.Eventually(s.t, within, "everything is finished", func() error {
		if n := s.count("select count(*) from orderbell.delivery"); n > 0 {
			return fmt.Errorf("%d deliveries are unfinished", n)
		}
		return nil
	})
}

// 1,000 order transactions at once, a third rolled back, two workers: every
// committed one is acknowledged once, and nothing else is sent.
func TestCommittedOrdersAndNoOthers(t *testing.T) {
	const orders = 1000
	shop := newShop(t)
	merchant := merchanttest.New(t)
	shop.endpoint("m-1", merchant.URL, "standard")
	shop.exec("create table orders (order_no text primary key)")
	shop.work(shop.config("w1"))
	shop.work(shop.config("w2"))

	// All at once, as many of them open as the shop has connections: 100.
	var working sync.WaitGroup
	for n := range orders {
		working.Go(func() {
			if err := shop.order(fmt.Sprint("o-", n), n%3 != 0); err != nil {
				t.Errorf("order %d: %v", n, err)
			}
		})
	}
	working.Wait()
	shop.allFinished(30 * time.Second)

	received := map[string]int{}
	for _, r := range merchant.Requests() {
		received[r.OrderNo]++
	}
	for n := range orders {
		want := 0
		if n%3 != 0 {
			want = 1
		}
		if got := received[fmt.Sprint("o-", n)]; got != want {
			t.Errorf("order %d was sent %d times, wanted %d", n, got, want)
		}
	}
	if overlaps := merchant.Overlaps(); len(overlaps) > 0 {
		t.Errorf("sent twice at once: %v", overlaps)
	}
	acknowledged := shop.count("select count(*) from orderbell.finished where state = 'acknowledged'")
	if committed := shop.count("select count(*) from orders"); acknowledged != committed || committed != len(received) {
		t.Errorf("%d orders, %d acknowledged, %d received", committed, acknowledged, len(received))
	}
}

var errRollback = errors.New("the shop changed its mind")

// order writes an order and its notification in one transaction.
func (s *shop) order(orderNo string, commit bool) error {
	err := pgx.BeginFunc(s.t.Context(), s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(s.t.Context(), "insert into orders values ($1)", orderNo); err != nil {
			return err
		}
		_, err := tx.Exec(s.t.Context(), "select orderbell.enqueue('m-1', 'trade.success', $1, $2)",
			orderNo, `{"order_no":"`+orderNo+`"}`)
		if err == nil && !commit {
			err = errRollback
		}
		return err
	})
	if errors.Is(err, errRollback) {
		return nil
	}
	return err
}

func TestTenThousandRowsInOneInsert(t *testing.T) {
	const rows = 10_000
	shop := newShop(t)
	merchant := merchanttest.New(t)
	shop.endpoint("m-1", merchant.URL, "standard")
	shop.work(shop.config("w1"))
	shop.exec(`insert into orderbell.notification (endpoint, event, order_no, body)
		select 'm-1', 'trade.success', 'o-' || n, '{"order_no":"o-' || n || '"}' from generate_series(1, $1) n`, rows)
	shop.allFinished(60 * time.Second)
	received := map[string]int{}
	for _, r := range merchant.Requests() {
		received[r.OrderNo]++
	}
	if len(received) != rows || len(merchant.Requests()) != rows {
		t.Errorf("%d orders in %d requests, wanted %d in as many", len(received), len(merchant.Requests()), rows)
	}
}

// An order that stays open for longer than looks reach back is still delivered,
// and at once when it commits: its worker was about to fall asleep.
func TestOrderThatStaysOpen(t *testing.T) {
	shop := newShop(t)
	merchant := merchanttest.New(t)
	shop.endpoint("m-1", merchant.URL, "standard")
	shop.work(shop.config("w1"))
	tx, err := shop.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "select orderbell.enqueue('m-1', 'e', 'open', '{}')"); err != nil {
		t.Fatal(err)
	}
	// Others come and go meanwhile, and move the looks on.
	for n := range 4 {
		id := shop.enqueue("m-1", fmt.Sprint("o-", n), "{}")
		shop.ended(id)
		if _, err := tx.Exec(t.Context(), "select pg_sleep(1)"); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	shop.allFinished(5 * time.Second)
}
