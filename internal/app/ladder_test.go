package app_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/merchanttest"
)

// forumLadder is the ladder of the first source, and of the policy standard.
var forumLadder = []time.Duration{
	15 * time.Second, 3 * time.Minute, 10 * time.Minute, 30 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 6 * time.Hour, 15 * time.Hour,
}

// rungs says when the next attempt comes, counted from the end of each attempt.
const waitAfter = `
select d.next_attempt_at - (a.started_at + a.duration_us * interval '1 microsecond')
from orderbell.attempt a join orderbell.delivery d using (notification_id)
where a.notification_id = $1 and a.attempt = $2`

func TestForumLadderToItsEnd(t *testing.T) {
	shop := newShop(t)
	merchant := merchanttest.New(t)
	merchant.Script("", merchanttest.Answer{Body: "fail"})
	shop.endpoint("m-1", merchant.URL, "standard")
	shop.work(shop.config("w1"))
	id := shop.enqueue("m-1", "o-1", `{}`)

	var waits []time.Duration
	for attempt := 1; attempt <= len(forumLadder); attempt++ {
		shop.settled(id, attempt)
		var wait time.Duration
		shop.get(waitAfter, []any{id, attempt}, &wait)
		waits = append(waits, wait.Round(time.Second))
		shop.bring(id)
	}
	if diff := cmp.Diff(forumLadder, waits); diff != "" {
		t.Errorf("waits (-ladder +seen):\n%s", diff)
	}
	state, explanation := shop.ended(id)
	if state != "exhausted" {
		t.Errorf("after the whole ladder it is %s: %s", state, explanation)
	}
	t.Log(explanation)
	if n := len(merchant.Requests()); n != 10 {
		t.Errorf("the merchant received %d requests, wanted 10", n)
	}
	if n := shop.count("select count(*) from orderbell.delivery"); n != 0 {
		t.Errorf("%d delivery rows are left: something would be sent again", n)
	}
}

func TestSuccessAtAnyAttemptEndsIt(t *testing.T) {
	shop := newShop(t)
	merchant := merchanttest.New(t)
	shop.endpoint("m-1", merchant.URL, "standard")
	shop.work(shop.config("w1"))

	for last := 1; last <= 10; last++ {
		order := string(rune('a' + last))
		var script []merchanttest.Answer
		for range last - 1 {
			script = append(script, merchanttest.Status(500))
		}
		merchant.Script(order, append(script, merchanttest.Success())...)
		id := shop.enqueue("m-1", order, `{"order_no":"`+order+`"}`)
		for attempt := 1; attempt < last; attempt++ {
			shop.settled(id, attempt)
			shop.bring(id)
		}
		if state, explanation := shop.ended(id); state != "acknowledged" {
			t.Errorf("success at attempt %d: it is %s: %s", last, state, explanation)
		}
	}
	requests := len(merchant.Requests())
	if want := 55; requests != want {
		t.Errorf("the merchant received %d requests, wanted %d", requests, want)
	}
	if n := shop.count("select count(*) from orderbell.delivery"); n != 0 {
		t.Errorf("%d delivery rows are left: something would be sent again", n)
	}
}
