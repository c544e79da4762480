package app_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/merchanttest"
)

// articleBody has the parameters of the article's notify URL, in its order.
const articleBody = `{"is_success":"T","notify_id":"4ab9bed148d043d0bf75460706f7774a","notify_time":"2014-08-29 16:22:02",` +
	`"notify_type":"trade_status_sync","out_trade_no":"1421712120109862","total_fee":424.42,` +
	`"trade_no":"14217121201098611","trade_status":"TRADE_SUCCESS"}`

const articleQuery = "is_success=T&notify_id=4ab9bed148d043d0bf75460706f7774a&notify_time=2014-08-29+16%3A22%3A02" +
	"&notify_type=trade_status_sync&out_trade_no=1421712120109862&total_fee=424.42" +
	"&trade_no=14217121201098611&trade_status=TRADE_SUCCESS"

// The article's notification: a POST to the notify URL with the parameters in
// its query, on the ladder 3s 30s 60s 120s 180s 300s.
func TestArticleNotifyURL(t *testing.T) {
	shop := newShop(t)
	merchant := merchanttest.New(t)
	merchant.Script("", merchanttest.Status(502), merchanttest.Success())
	shop.exec(`insert into orderbell.policy (name, ladder, acknowledge, format)
		select 'article', ladder, acknowledge, 'query' from orderbell.policy where name = 'quick'`)
	shop.endpoint("m-1", "https://shop.example/never-used", "article")
	shop.work(shop.config("w1"))

	var id string
	shop.get("select orderbell.enqueue('m-1', 'trade_status_sync', '1421712120109862', $1, url => $2)",
		[]any{articleBody, merchant.URL + "/bank/notifyRecv.jsp"}, &id)
	shop.settled(id, 1)
	var wait time.Duration
	shop.get(waitAfter, []any{id, 1}, &wait)
	if wait.Round(time.Second) != 3*time.Second {
		t.Errorf("the first rung is %v, wanted 3 s", wait)
	}
	if state, explanation := shop.ended(id); state != "acknowledged" { // by itself, after three seconds
		t.Errorf("it is %s: %s", state, explanation)
	}

	requests := merchant.Requests()
	if len(requests) != 2 {
		t.Fatalf("the merchant received %d requests, wanted 2", len(requests))
	}
	for i, r := range requests {
		if r.Method != http.MethodPost || r.Body != "" || r.NotificationID != id || r.Attempt != i+1 || r.Event != "trade_status_sync" {
			t.Errorf("request %d: %s with body %q, id %s, attempt %d, event %s", i+1, r.Method, r.Body, r.NotificationID, r.Attempt, r.Event)
		}
		if diff := cmp.Diff("/bank/notifyRecv.jsp?"+articleQuery, r.URL); diff != "" {
			t.Errorf("request %d: URL (-want +got):\n%s", i+1, diff)
		}
	}
	if apart := requests[1].At.Sub(requests[0].At); apart < 3*time.Second {
		t.Errorf("the second attempt came %v after the first, before its rung", apart)
	}
}
