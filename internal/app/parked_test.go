package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// A rule that does not compile parks its rows: nothing is sent, no rung is spent,
// the reason can be read, others go on, and so do they when it is mended.
func TestBrokenRuleParksItsRows(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	merchant := merchanttest.New(t)
	shop.exec(`insert into orderbell.policy (name, ladder, acknowledge) values ('mine', '{1m}', 'status = = 200')`)
	shop.endpoint("broken", merchant.URL, "mine")
	shop.endpoint("well", merchant.URL, "standard")
	shop.work(shop.config("w1"))

	parked := shop.enqueue("broken", "parked", "{}")
	var alsoParked, overridden string
	shop.get("select orderbell.enqueue('well', 'e', 'also-parked', '{}', policy => 'mine')", nil, &alsoParked)
	shop.get("select orderbell.enqueue('broken', 'e', 'overridden', '{}', policy => 'quick')", nil, &overridden)
	fine := shop.enqueue("well", "fine", "{}")
	for _, id := range []string{fine, overridden} {
		if state, explanation := shop.ended(id); state != "acknowledged" {
			t.Errorf("beside a broken policy it is %s: %s", state, explanation)
		}
	}
	for _, id := range []string{parked, alsoParked} {
		pgtest.Eventually(t, 10*time.Second, "the reason can be read", func() error {
			var state, explanation string
			var attempts, rung int
			shop.get("select state, explanation, attempt_count, rung from orderbell.notification_status where id = $1",
				[]any{id}, &state, &explanation, &attempts, &rung)
			if state != "pending" || attempts != 0 || rung != 0 {
				t.Fatalf("it is %s after %d attempts and %d rungs: %s", state, attempts, rung, explanation)
			}
			if !strings.Contains(explanation, "parked because policy mine") || !strings.Contains(explanation, "acknowledge") {
				return fmt.Errorf("explanation: %s", explanation)
			}
			return nil
		})
	}
	if n := shop.count("select parked::int from orderbell.backlog"); n != 2 {
		t.Errorf("the backlog counts %d parked rows, wanted 2", n)
	}

	shop.exec("update orderbell.policy set acknowledge = 'status == 200' where name = 'mine'")
	for _, id := range []string{parked, alsoParked} {
		if state, explanation := shop.ended(id); state != "acknowledged" {
			t.Errorf("after the mend it is %s: %s", state, explanation)
		}
	}
	for _, r := range merchant.Requests() {
		if r.Attempt != 1 {
			t.Errorf("order %s began at attempt %d", r.OrderNo, r.Attempt)
		}
	}
}

func TestDeletedEndpointParksItsRows(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	merchant := merchanttest.New(t)
	shop.endpoint("m-1", merchant.URL, "standard")
	id := shop.enqueue("m-1", "o-1", "{}")
	shop.exec("delete from orderbell.endpoint")
	shop.work(shop.config("w1"))
	var explanation string
	shop.get("select explanation from orderbell.notification_status where id = $1", []any{id}, &explanation)
	if !strings.Contains(explanation, "parked because endpoint m-1 does not exist") {
		t.Errorf("explanation: %s", explanation)
	}
	shop.endpoint("m-1", merchant.URL, "standard")
	if state, explanation := shop.ended(id); state != "acknowledged" {
		t.Errorf("it is %s: %s", state, explanation)
	}
}
