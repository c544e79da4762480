package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// 300 orders are held, and released one by one while others are written: none is sent
// before it was released, and each is sent once it was. When that was is in the history.
func TestAHeldOrderIsNeverSentEarly(t *testing.T) {
	t.Parallel()
	const orders = 300
	var mu sync.Mutex
	released := make(map[string]bool)
	early := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if !released[r.URL.Query().Get("order")] {
			early++
		}
		fmt.Fprint(w, "success")
	}))
	t.Cleanup(server.Close)
	shop := newShop(t)
	shop.endpoint("p-1", server.URL, "standard")
	for _, name := range []string{"w1", "w2"} {
		shop.work(shop.config(name))
	}
	for n := range orders {
		shop.exec("select orderbell.enqueue('p-1', 'order', $1, '{}', url => $2, hold => true)",
			fmt.Sprint(n), fmt.Sprintf("%s/?order=%d", server.URL, n))
		if n < orders/2 {
			continue
		}
		mu.Lock()
		released[fmt.Sprint(n-orders/2)] = true
		mu.Unlock()
		if got := shop.count("select orderbell.release('p-1', $1)", fmt.Sprint(n-orders/2)); got != 1 {
			t.Errorf("%d were released", got)
		}
	}
	shop.acknowledged("p-1", orders/2)
	if n := shop.count("select held from orderbell.backlog"); n != orders/2 {
		t.Errorf("%d are held, of %d", n, orders/2)
	}
	if n := shop.count("select count(*) from orderbell.notification_status where (released_at is null) <> (state = 'held')"); n != 0 {
		t.Errorf("of %d it is not known when they were released", n)
	}
	mu.Lock()
	defer mu.Unlock()
	if early != 0 {
		t.Errorf("%d were sent before they were released", early)
	}
}

// A newer state of an order replaces an older one that was not sent; one that is being sent
// ends by itself.
func TestANewerStateSupersedes(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	merchant := merchanttest.New(t)
	answer := make(chan struct{})
	merchant.Script("o-1", merchanttest.Answer{Status: http.StatusInternalServerError, Until: answer}, merchanttest.Success())
	shop.endpoint("p-1", merchant.URL, "standard")
	shop.work(shop.config("w1"))
	state := func(body string, more string) (id string) {
		shop.get("select orderbell.enqueue('p-1', 'state', 'o-1', $1, supersede => true"+more+")", []any{body}, &id)
		return id
	}
	flying := state(`{"order_no":"o-1","state":1}`, "")
	merchant.Wait(t.Context(), 1)
	waiting := state(`{"order_no":"o-1","state":2}`, ", deliver_after => '1 hour'")
	last := state(`{"order_no":"o-1","state":3}`, "")
	close(answer)
	for id, want := range map[string]string{flying: "superseded", waiting: "superseded", last: "acknowledged"} {
		if got, why := shop.ended(id); got != want {
			t.Errorf("it is %s, wanted %s: %s", got, want, why)
		}
	}
	if n := len(merchant.Requests()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// Held rows, one after the other, and the hold of the first: nothing overtakes it.
func TestAHeldHeadHoldsItsSequence(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	merchant := merchanttest.New(t)
	merchant.Script("", merchanttest.Success())
	shop.endpoint("p-1", merchant.URL, "standard")
	shop.work(shop.config("w1"))
	shop.exec("select orderbell.enqueue('p-1', 'created', 'o-1', '1', hold => true, sequence_key => 'o-1')")
	shop.exec("select orderbell.enqueue('p-1', 'paid', 'o-1', '2', sequence_key => 'o-1')")
	shop.exec("select orderbell.enqueue('p-1', 'created', 'o-2', '3', sequence_key => 'o-2')")
	shop.acknowledged("p-1", 1)
	var explanation string
	shop.get("select explanation from orderbell.notification_status where event = 'paid'", nil, &explanation)
	if n := shop.count("select queued from orderbell.backlog"); n != 1 {
		t.Errorf("%d rows wait for their turn; %s", n, explanation)
	}
	shop.exec("select orderbell.release('p-1', 'o-1')")
	shop.acknowledged("p-1", 3)
	var bodies []string
	for _, r := range merchant.Wait(t.Context(), 3) {
		bodies = append(bodies, r.Body)
	}
	if got := fmt.Sprint(bodies); got != "[3 1 2]" {
		t.Errorf("they came as %s", got)
	}
}

// Where the endpoint says block, nothing follows a head that did not get through, until
// somebody lets it.
func TestABlockedSequence(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	merchant := merchanttest.New(t)
	merchant.Script("/first", merchanttest.Status(http.StatusGone))
	merchant.Script("", merchanttest.Success())
	shop.endpoint("p-1", merchant.URL, "webhook")
	shop.exec("update orderbell.endpoint set on_head_exhausted = 'block'")
	shop.work(shop.config("w1"))
	var first, second string
	shop.get("select orderbell.enqueue('p-1', 'e', 'o-1', '1', url => $1, sequence_key => 'o-1')", []any{merchant.URL + "/first"}, &first)
	shop.get("select orderbell.enqueue('p-1', 'e', 'o-1', '2', sequence_key => 'o-1')", nil, &second)
	if state, why := shop.ended(first); state != "rejected" {
		t.Fatalf("the head is %s: %s", state, why)
	}
	other := shop.enqueue("p-1", "o-2", "3")
	shop.ended(other)
	pgtest.Eventually(t, 20*time.Second, "the next one stands still", func() error {
		var explanation string
		shop.get("select explanation from orderbell.notification_status where id = $1 and attempt_count = 0", []any{second}, &explanation)
		if want := "its sequence stands still: " + first + " did not get through, and the endpoint says on_head_exhausted block; orderbell.unblock lets it go on"; explanation != want {
			return fmt.Errorf("it says %s", explanation)
		}
		return nil
	})
	if n := shop.count("select orderbell.unblock('p-1')"); n != 1 {
		t.Errorf("%d sequences were let go", n)
	}
	if state, why := shop.ended(second); state != "acknowledged" {
		t.Errorf("it is %s: %s", state, why)
	}
}
