package main_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHistory(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.endpoint("m-1", "https://shop.example/notify")
	s.enqueue("m-1", "o-1")
	s.exec(`insert into orderbell.attempt (notification_id, attempt, round, started_at, duration_us, outcome, http_status, endpoint, url, error, worker)
		select id, 1, 0, '2026-11-20 18:00:00+00', 12345, 'answered', 500, endpoint, 'https://shop.example/notify', E'status 500\x1b[2J', 'w-1'
		from orderbell.notification`)
	s.exec("update orderbell.delivery set attempt_count = 1, rung = 1, next_attempt_at = now() + interval '1 hour'")
	id := s.get("select id::text from orderbell.notification")

	text := run(t, s.env(), "history", "o-1")
	text.wants(t, 0, "trade.success to m-1, notification "+id, "")
	for _, want := range []string{
		"waiting on rung 1 of 9", "2026-11-20 18:00:00 UTC  12.3 ms  answered  500",
		`"status 500\x1b[2J"`, // cannot reach the terminal
	} {
		if !strings.Contains(text.stdout, want) {
			t.Errorf("the history lacks %q:\n%s", want, text.stdout)
		}
	}
	got := object(t, run(t, s.env(), "history", "--json", "o-1"))
	notification := got["notifications"].([]any)[0].(map[string]any)
	delete(notification, "created_at")
	delete(notification, "explanation")
	want := map[string]any{
		"order_no": "o-1",
		"notifications": []any{map[string]any{
			"id": id, "endpoint": "m-1", "event": "trade.success", "state": "pending", "attempt_count": 1.0,
			"attempts": []any{map[string]any{
				"attempt": 1.0, "started_at": "2026-11-20T18:00:00Z", "duration_ms": 12.345, "outcome": "answered",
				"http_status": 500.0, "error": "status 500\x1b[2J", "worker": "w-1", "url": "https://shop.example/notify",
			}},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the object differs from what is wanted:\n%s", diff)
	}
}

func TestHistoryOfSeveralNotifications(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, endpoint := range []string{"m-1", "m-2"} {
		s.endpoint(endpoint, "https://shop.example/notify")
		s.enqueue(endpoint, "o-1")
	}
	got := run(t, s.env(), "history", "o-1")
	got.wants(t, 0, "\n\ntrade.success to m-2", "")
	if strings.Contains(got.stdout, "started") {
		t.Errorf("attempts where there are none:\n%s", got.stdout)
	}
	for i, n := range object(t, run(t, s.env(), "history", "o-1", "--json"))["notifications"].([]any) {
		if attempts, ok := n.(map[string]any)["attempts"].([]any); !ok || len(attempts) != 0 {
			t.Errorf("notification %d: attempts are no empty list: %v", i, n)
		}
	}
}

func TestHistoryOfAnUnknownOrder(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	text := run(t, s.env(), "history", "o-404")
	text.wants(t, 1, "", "orderbell: no notification of order o-404\n")
	text.oneLine(t)
	asJSON := run(t, s.env(), "history", "o-404", "--json")
	asJSON.wants(t, 1, "{", "no notification of order o-404")
	if diff := cmp.Diff(map[string]any{"order_no": "o-404", "notifications": []any{}}, object(t, asJSON)); diff != "" {
		t.Errorf("the object differs from what is wanted:\n%s", diff)
	}
	run(t, s.env(), "history", "o\xff").wants(t, 1, "", "invalid byte sequence")
}
