package app_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// Workers that run go over from the bell to polling and back, those that have
// started with it and those that have not. While they poll nobody notifies.
func TestWakeIsChangedWhileWorkersRun(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	merchant := merchanttest.New(t)
	shop.endpoint("m-1", merchant.URL, "standard")
	shop.work(shop.config("w1"))
	shop.sleepers(1)
	deliver := func(orderNo string) {
		t.Helper()
		if state, explanation := shop.ended(shop.enqueue("m-1", orderNo, "{}")); state != "acknowledged" {
			t.Errorf("%s is %s: %s", orderNo, state, explanation)
		}
	}
	deliver("by the bell")

	shop.exec("update orderbell.setting set wake = 'poll'")
	shop.sleepers(0)
	heard := shop.listen()
	shop.work(shop.config("w2"))
	for n := range 3 {
		deliver(fmt.Sprint("polled ", n))
	}
	if n := heard(); n != 0 {
		t.Errorf("%d notifications came while workers poll", n)
	}

	// Looks reach back two seconds: an order that is open for longer is found too.
	shop.exec("do $$ begin perform orderbell.enqueue('m-1', 'e', 'long', '{}'); perform pg_sleep(3); end $$")
	pgtest.Eventually(t, 15*time.Second, "a long order's notification to arrive", func() error {
		if n := shop.count("select count(*) from orderbell.notification_status where order_no = 'long' and state = 'acknowledged'"); n != 1 {
			return fmt.Errorf("%d have", n)
		}
		return nil
	})

	shop.exec("update orderbell.setting set wake = 'bell'")
	shop.sleepers(2)
	heard()
	deliver("by the bell again")
	if n := heard(); n != 1 {
		t.Errorf("%d notifications came of an order, want 1", n)
	}
}

// sleepers waits until so many workers hold the bell's lock or wait for it.
func (s *shop) sleepers(want int) {
	s.t.Helper()
	pgtest.Eventually(s.t, 20*time.Second, fmt.Sprintf("%d workers sleep by the bell", want), func() error {
		n := s.count(`select count(*) from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock' and objid = 1
			and database = (select oid from pg_database where datname = current_database())`)
		if n != want {
			return fmt.Errorf("%d do", n)
		}
		return nil
	})
}

// listen returns a function that counts the rings since it was last called.
func (s *shop) listen() func() int {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close(s.t.Context()) })
	if _, err := conn.Exec(s.t.Context(), "listen orderbell; listen the_end"); err != nil {
		s.t.Fatal(err)
	}
	return func() (n int) {
		s.t.Helper()
		s.exec("select pg_notify('the_end', '')") // they come in the order of the commits
		for {
			notification, err := conn.WaitForNotification(s.t.Context())
			if err != nil {
				s.t.Fatal(err)
			}
			if notification.Channel == "the_end" {
				return n
			}
			n++
		}
	}
}

// What is behind listen_url is the database too: no request goes there, whatever
// else is allowed. The bell cannot be heard there, and deliveries go on.
func TestNoRequestGoesToTheListenURL(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	database, merchant := merchanttest.New(t), merchanttest.New(t)
	shop.endpoint("m-1", database.URL+"/notify", "standard")
	shop.endpoint("m-2", merchant.URL, "standard")
	c := shop.config("w1")
	address, err := url.Parse(database.URL)
	if err != nil {
		t.Fatal(err)
	}
	c.Database.ListenURL = "postgres://shop@" + address.Host + "/shop?sslmode=disable"
	shop.work(c)
	blocked := shop.enqueue("m-1", "o-1", "{}")
	shop.settled(blocked, 1)
	var outcome, why string
	shop.get("select outcome, error from orderbell.attempt where notification_id = $1", []any{blocked}, &outcome, &why)
	if outcome != "blocked" || !strings.Contains(why, "database") {
		t.Errorf("it is %s: %s", outcome, why)
	}
	for _, r := range database.Requests() {
		t.Errorf("the database received %+v", r)
	}
	if state, explanation := shop.ended(shop.enqueue("m-2", "o-2", "{}")); state != "acknowledged" {
		t.Errorf("another is %s: %s", state, explanation)
	}
}
