package app_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// counter makes the business's own tables, and the functions that are called.
func (s *shop) counter() {
	s.t.Helper()
	s.exec(`create schema counter;
		create table counter.orders (order_no text primary key, status text not null default 'unpaid');
		create table counter.calls (order_no text not null, what text not null);
		create function counter.close_unpaid(order_no text, body text) returns boolean language plpgsql as $$
		begin
			update counter.orders o set status = 'closed' where o.order_no = close_unpaid.order_no and o.status = 'unpaid';
			insert into counter.calls values (order_no, 'close');
			return true;
		end $$;
		create function counter.final(order_no text, answer text) returns void language plpgsql as $$
		begin
			insert into counter.calls values (order_no, answer);
		end $$;`)
	s.exec("insert into orderbell.hook values ('final', 'counter.final(text,text)')")
}

// Payment and close race 1,000 times: no order that was paid is closed, none is left
// unpaid, and the function's work is done once for each order, or not at all.
func TestCloseUnpaidRacesWithPayment(t *testing.T) {
	t.Parallel()
	const orders = 1000
	shop := newShop(t)
	shop.counter()
	shop.exec("insert into orderbell.endpoint (id, url) values ('close', 'sql:counter.close_unpaid')")
	for _, name := range []string{"w1", "w2"} {
		shop.work(shop.config(name))
	}
	shop.exec("insert into counter.orders select n::text from generate_series(1, $1::int) n", orders)
	shop.exec(`insert into orderbell.notification (endpoint, event, order_no, body, deliver_at)
		select 'close', 'unpaid', n::text, '', clock_timestamp() + n * interval '2 ms' from generate_series(1, $1::int) n`, orders)
	var paying sync.WaitGroup
	numbers := make(chan int)
	for range 8 {
		paying.Go(func() {
			for n := range numbers {
				if _, err := shop.db.Exec(t.Context(), `with paid as (
						update counter.orders set status = 'paid' where order_no = $1 and status = 'unpaid' returning 1)
					select orderbell.cancel('close', $1) from paid`, fmt.Sprint(n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, n := range rand.Perm(orders) {
		numbers <- n + 1
	}
	close(numbers)
	paying.Wait()
	pgtest.Eventually(t, time.Minute, "every order is decided", func() error {
		if n := shop.count("select count(*) from orderbell.delivery"); n > 0 {
			return fmt.Errorf("%d are open", n)
		}
		return nil
	})
	for what, query := range map[string]string{
		"orders are undecided":               "select count(*) from counter.orders where status = 'unpaid'",
		"orders were closed more than once":  "select count(*) from (select from counter.calls group by order_no having count(*) > 1) twice",
		"closed orders have no call":         "select count(*) from counter.orders o where status = 'closed' and not exists (select from counter.calls c where c.order_no = o.order_no)",
		"calls have no acknowledgement":      "select count(*) from counter.calls c where not exists (select from orderbell.notification_status s where s.order_no = c.order_no and s.state = 'acknowledged')",
		"acknowledgements have no call":      "select count(*) from orderbell.notification_status s where state = 'acknowledged' and not exists (select from counter.calls c where c.order_no = s.order_no)",
		"actions are exhausted, or rejected": "select count(*) from orderbell.finished where state not in ('acknowledged', 'cancelled')",
	} {
		if n := shop.count(query); n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
	closed, paid := shop.count("select count(*) from counter.orders where status = 'closed'"), shop.count("select count(*) from counter.orders where status = 'paid'")
	if closed == 0 || paid == 0 {
		t.Errorf("%d closed, %d paid: nothing has raced", closed, paid)
	}
}

// A function that is dropped parks its rows; they go on when it is there again.
func TestAnActionsFunctionIsGone(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	shop.counter()
	shop.exec("insert into orderbell.endpoint (id, url) values ('close', 'sql:counter.close_unpaid')")
	shop.exec("alter function counter.close_unpaid rename to away")
	shop.work(shop.config("w1"))
	id := shop.enqueue("close", "1", "")
	pgtest.Eventually(t, 20*time.Second, "the row is parked", func() error {
		var explanation string
		shop.get("select explanation from orderbell.notification_status where id = $1", []any{id}, &explanation)
		if want := "parked because endpoint close: there is no function counter.close_unpaid(text, text); no rung is spent, and it goes on by itself once that is mended"; explanation != want {
			return fmt.Errorf("it says %s", explanation)
		}
		return nil
	})
	shop.exec("alter function counter.away rename to close_unpaid")
	if state, why := shop.ended(id); state != "acknowledged" {
		t.Errorf("it is %s: %s", state, why)
	}
}

// A hook that fails keeps the row and says why; the endpoint is not asked again, and the
// hook gets the same answer when it is called again.
func TestAHookThatFailsIsCalledAgain(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	shop.counter()
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		fmt.Fprintf(w, `{"state":"PAID","asked":%d}`, asked)
	}))
	t.Cleanup(server.Close)
	shop.exec(`insert into orderbell.policy (name, ladder, acknowledge) values ('ask', array[interval '100 ms', '1 hour'], 'json("state") == "PAID"')`)
	shop.endpoint("channel", server.URL, "ask")
	shop.exec("alter table counter.calls add constraint closed_today check (what = 'close')")
	shop.work(shop.config("w1"))
	var id string
	shop.get("select orderbell.enqueue('channel', 'q', '1', '{}', on_acknowledged => 'final')", nil, &id)
	pgtest.Eventually(t, 20*time.Second, "the hook has failed twice", func() error {
		var explanation string
		shop.get("select explanation from orderbell.notification_status where id = $1", []any{id}, &explanation)
		if tries := shop.count("select coalesce(max(tries), 0) from orderbell.owed"); tries < 2 {
			return fmt.Errorf("%d times: %s", tries, explanation)
		}
		return nil
	})
	if n := shop.count("select owing_hooks from orderbell.backlog"); n != 1 {
		t.Errorf("the backlog has %d", n)
	}
	shop.exec("alter table counter.calls drop constraint closed_today")
	shop.bring(id)
	state, why := shop.ended(id)
	if n := shop.count(`select count(*) from counter.calls where order_no = '1' and what = '{"state":"PAID","asked":1}'`); state != "acknowledged" || n != 1 || asked != 1 {
		t.Errorf("it is %s after %d questions and %d calls: %s", state, asked, n, why)
	}
}
