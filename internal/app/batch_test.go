package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// collector takes batches, and refuses every tenth order the first time, by itself.
type collector struct {
	mu       sync.Mutex
	requests int
	largest  int
	seen     map[string]int
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var batch []struct {
		ID      string
		OrderNo string `json:"order_no"`
	}
	if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
		http.Error(w, "no batch", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	c.largest = max(c.largest, len(batch))
	answers := make([]string, len(batch))
	for i, one := range batch {
		c.seen[one.OrderNo]++
		answers[i] = "success"
		if c.seen[one.OrderNo] == 1 && one.OrderNo[len(one.OrderNo)-1] == '7' {
			answers[i] = "not yet"
		}
	}
	_ = json.NewEncoder(w).Encode(answers)
}

// 500 orders to an endpoint that wants batches of 50: few requests, each order acknowledged
// by itself; those that were refused come again, and no others.
func TestBatches(t *testing.T) {
	t.Parallel()
	const orders = 500
	c := &collector{seen: make(map[string]int)}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	shop := newShop(t)
	shop.exec("insert into orderbell.policy (name, ladder, acknowledge) values ('soon', array[interval '100 ms'], 'lower(trim(body)) == \"success\"')")
	shop.endpoint("p-1", server.URL, "soon")
	shop.exec("update orderbell.endpoint set batch_size = 50, batch_wait = '500 ms'")
	for _, name := range []string{"w1", "w2"} {
		shop.work(shop.config(name))
	}
	for n := range orders {
		shop.enqueue("p-1", fmt.Sprintf("o-%d", n), `{"n":1}`)
	}
	shop.acknowledged("p-1", orders)
	c.mu.Lock()
	defer c.mu.Unlock()
	for order, times := range c.seen {
		want := 1
		if order[len(order)-1] == '7' {
			want = 2
		}
		if times != want {
			t.Errorf("order %s came %d times, wanted %d", order, times, want)
		}
	}
	if c.largest > 50 || c.largest < 10 || c.requests > orders/4 {
		t.Errorf("%d requests, the largest with %d of %d orders", c.requests, c.largest, orders)
	}
	if n := shop.count("select count(*) from orderbell.attempt"); n != orders+orders/10 {
		t.Errorf("%d attempts are recorded", n)
	}
}

// What waits for a rung, or for a time of its own, is not taken into a batch before.
func TestBatchesTakeNothingEarly(t *testing.T) {
	t.Parallel()
	c := &collector{seen: make(map[string]int)}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	shop := newShop(t)
	shop.endpoint("p-1", server.URL, "standard")
	shop.exec("update orderbell.endpoint set batch_size = 50, batch_wait = '30 s'")
	shop.work(shop.config("w1"))
	shop.exec("select orderbell.enqueue('p-1', 'e', 'later', '{}', deliver_after => '10 s')")
	first := shop.enqueue("p-1", "refused-7", "{}")
	shop.enqueue("p-1", "young", "{}")
	shop.bring(first)
	shop.acknowledged("p-1", 1) // the young one goes with the one that is due
	shop.settled(first, 1)
	pgtest.Eventually(t, 20*time.Second, "another one is acknowledged", func() error {
		last := shop.enqueue("p-1", "last", "{}")
		shop.bring(last)
		if state, why := shop.ended(last); state != "acknowledged" {
			return fmt.Errorf("%s: %s", state, why)
		}
		return nil
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen["later"] != 0 || c.seen["refused-7"] != 1 {
		t.Errorf("sent early: %v", c.seen)
	}
}
