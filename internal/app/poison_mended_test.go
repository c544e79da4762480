package app_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// A row whose attempt_count cannot be counted on does not keep the rows claimed with it
// from being claimed.
func TestAttemptCountsWrittenByHand(t *testing.T) {
	t.Parallel()
	for _, count := range []int{2147483647, -1} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			t.Parallel()
			w := newWard(t)
			w.endpoint("sick", w.merchant.URL, "standard")
			id := w.enqueue("sick", "poison", "{}")
			w.exec("update orderbell.delivery set attempt_count = $2 where notification_id = $1", id, count)
			w.start()
			for n := range 4 {
				w.add("sick")
				w.add(fmt.Sprintf("well-%d", 1+n%2))
			}
			w.wellAll()
		})
	}
}

// Headers that no map of texts holds end the row at once, also where they were written
// by hand: only an INSERT is checked.
func TestHeadersWrittenByHand(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	var rows []poison
	for _, headers := range []string{`[]`, `"x"`, `7`, `{"X": 1}`, `{"X": {"a": 1}}`, `{"X": ["a"]}`} {
		rows = append(rows, poison{name: headers, edit: notificationSet("headers = '" + headers + "'"), state: "rejected", says: "headers", attempts: 1})
	}
	for i := range rows {
		w.admit(&rows[i], i)
	}
	w.watch(rows)
}

// One edited row does not keep the view from explaining the others, and is explained too.
func TestEditedRowsAreExplained(t *testing.T) {
	t.Parallel()
	for _, set := range []string{
		"attempt_count = 2147483647", "next_attempt_at = '294276-12-31 23:00:00+00'", "next_attempt_at = '-infinity'",
		"state = 'in_flight', attempt_count = 1, claimed_by = 'x', leased_until = 'infinity'",
	} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			w := newWard(t)
			w.enqueue("well-1", "poison", "{}")
			w.enqueue("well-1", "healthy", "{}")
			w.exec("update orderbell.delivery set " + set + " where notification_id = (select min(id::text)::uuid from orderbell.notification)")
			var explanations, whole int
			w.get("select count(explanation), count(*) filter (where explanation !~ 'until $') from orderbell.notification_status", nil, &explanations, &whole)
			if explanations != 2 || whole != 2 {
				t.Errorf("%d of 2 rows are explained, %d to the end", explanations, whole)
			}
		})
	}
}

// A lease that ends long from now is nobody's: no worker takes one of over a minute.
func TestLeaseWithoutAnEnd(t *testing.T) {
	t.Parallel()
	for _, until := range []string{"infinity", "9999-01-01"} {
		t.Run(until, func(t *testing.T) {
			t.Parallel()
			w := newWard(t)
			id := w.enqueue("well-1", "poison", "{}")
			w.exec("update orderbell.delivery set state = 'in_flight', attempt_count = 1, claimed_by = 'x', leased_until = $1::text::timestamptz", until)
			w.start()
			pgtest.Eventually(t, 20*time.Second, "it is sent", func() error {
				if state, why, _ := w.stands(id); state != "acknowledged" {
					return fmt.Errorf("it is %s: %s", state, why)
				}
				return nil
			})
		})
	}
}
