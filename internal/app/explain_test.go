package app_test

import (
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/merchanttest"
)

// Near misses: what came is shown, in the history and in the explanation.
func TestNearMissesAreExplained(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	merchant := merchanttest.New(t)
	shop.endpoint("m-1", merchant.URL, "standard")
	shop.work(shop.config("w1"))
	misses := map[string]merchanttest.Answer{
		"SUCCESS!":  {Body: "SUCCESS!"},
		`"success"`: {Body: `"success"`},
		"<html>":    {Body: "<html>success</html>"},
		"500":       {Status: 500, Body: "success"},
	}
	for shown, answer := range misses {
		order := "o" + shown
		merchant.Script(order, answer)
		var id string
		shop.get("select orderbell.enqueue('m-1', 'e', $1, json_build_object('order_no', $1::text)::text)", []any{order}, &id)
		shop.settled(id, 1)
		var failure, explanation, outcome string
		shop.get("select error, outcome from orderbell.delivery_history where notification_id = $1", []any{id}, &failure, &outcome)
		shop.get("select explanation from orderbell.notification_status where id = $1", []any{id}, &explanation)
		if outcome != "answered" || !strings.Contains(failure, strings.Trim(shown, `"`)) || !strings.Contains(explanation, failure) {
			t.Errorf("%s: %s: %s\n%s", shown, outcome, failure, explanation)
		}
		t.Log(explanation)
	}
	for _, body := range []string{" SUCCESS\r\n", "\ufeffsuccess", "Success"} {
		order := "o" + body
		merchant.Script("near", merchanttest.Answer{Body: body})
		id := shop.enqueue("m-1", order, `{"order_no":"near"}`)
		if state, explanation := shop.ended(id); state != "acknowledged" {
			t.Errorf("%q: it is %s: %s", body, state, explanation)
		}
	}
}
