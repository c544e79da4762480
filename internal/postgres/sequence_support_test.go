package postgres_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/postgres"
)

// next writes a notification to m-1 that waits for those of its key before it.
func (h *house) next(key, orderNo string) outbox.ID {
	h.t.Helper()
	return nextIn(h.t, h.pool, key, orderNo)
}

func nextIn(t testing.TB, q querying, key, orderNo string) outbox.ID {
	t.Helper()
	return one[outbox.ID](t, q, "select orderbell.enqueue('m-1', 'e', $2, '{}', sequence_key => $1)", key, orderNo)
}

// numbered are the order numbers of what is unfinished, by the numbers of their sequence.
func (h *house) numbered(key string) []string {
	h.t.Helper()
	return all[string](h.t, h.pool, `
		select n.order_no from orderbell.delivery d join orderbell.notification n on n.id = d.notification_id
		where d.sequence_key = $1 order by d.seq`, key)
}

// orderNumbers are those of claims.
func (h *house) orderNumbers(claims []*outbox.Claim) []string {
	h.t.Helper()
	numbers := make([]string, len(claims))
	for i, claim := range claims {
		numbers[i] = one[string](h.t, h.pool, "select order_no from orderbell.notification where id = $1", claim.ID)
	}
	slices.Sort(numbers)
	return numbers
}

// dueIn is how long until a row is due; negative where it is.
func (h *house) dueIn(id outbox.ID) time.Duration {
	h.t.Helper()
	return one[time.Duration](h.t, h.pool, "select next_attempt_at - clock_timestamp() from orderbell.delivery where notification_id = $1", id)
}

// promoted fails the test unless a row that was parked is due.
func (h *house) promoted(id outbox.ID) {
	h.t.Helper()
	if in := h.dueIn(id); in > 0 {
		h.t.Errorf("it is due in %v, wanted at once", in)
	}
}

// park puts a row away, as Queue does with those that wait for their turn.
func (h *house) park(id outbox.ID) {
	h.t.Helper()
	h.move(id, "next_attempt_at = clock_timestamp() + interval '50 s'")
}

// onlyClaims claims all that there is, and expects these orders.
func (h *house) onlyClaims(db *postgres.DB, want ...string) []*outbox.Claim {
	h.t.Helper()
	claims := h.claim(db, 100)
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, h.orderNumbers(claims)); diff != "" {
		h.t.Errorf("claimed (-want +got):\n%s", diff)
	}
	return claims
}

// inAllWays is how the rows of a sequence may be written, by name: each writes n of them,
// with the order numbers 0 to n-1.
func inAllWays() map[string]func(h *house, key string, n int) {
	const insert = "insert into orderbell.notification (endpoint, event, order_no, body, sequence_key) "
	return map[string]func(h *house, key string, n int){
		"one INSERT": func(h *house, key string, n int) {
			h.exec(insert+"select 'm-1', 'e', g::text, '{}', $1 from generate_series(0, $2::int - 1) g", key, n)
		},
		"COPY": func(h *house, key string, n int) { h.copy(key, n) },
		"statements of one transaction": func(h *house, key string, n int) {
			tx := h.begin()
			for i := range n {
				nextIn(h.t, tx, key, fmt.Sprint(i))
			}
			if err := tx.Commit(h.t.Context()); err != nil {
				h.t.Fatal(err)
			}
		},
		"transactions": func(h *house, key string, n int) {
			for i := range n {
				h.next(key, fmt.Sprint(i))
			}
		},
	}
}
