package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

// queue moves on what waits for its turn, and returns how many rows.
func (h *house) queue() int {
	h.t.Helper()
	moved, err := h.db.Queue(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return moved
}

// Rows that are due and wait for their turn are put away while their head waits itself: on a
// rung, or held; until then, but 2 s at the least and a minute at the most: they come due by
// themselves, since whoever promotes passes over what somebody holds. Where the head may
// end at any moment, they stay.
func TestQueueMovesOnWhatWaits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		head string
		in   time.Duration // 0: it stays
	}{
		"in flight":           {head: "state = 'in_flight', attempt_count = 1, claimed_by = 'w', leased_until = now() + interval '8 s', next_attempt_at = now()"},
		"due":                 {head: "next_attempt_at = now() - interval '1 s'"},
		"due in a moment":     {head: "next_attempt_at = now() + interval '500 ms'"},
		"on a short rung":     {head: "next_attempt_at = now() + interval '1500 ms'", in: 2 * time.Second},
		"on a rung":           {head: "next_attempt_at = now() + interval '20 s'", in: 20 * time.Second},
		"on a long rung":      {head: "next_attempt_at = now() + interval '15 h'", in: time.Minute},
		"held":                {head: "state = 'held', next_attempt_at = 'infinity'", in: time.Minute},
		"far away, by a hand": {head: "next_attempt_at = '200000-01-01'", in: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			head, second, alone := h.next("k", "head"), h.next("k", "second"), h.enqueue("alone")
			h.exec("update orderbell.delivery set next_attempt_at = now() - interval '2 s'")
			h.move(head, test.head)
			want := 0
			if test.in > 0 {
				want = 1
			}
			if n := h.queue(); n != want {
				t.Errorf("it moved %d rows, want %d", n, want)
			}
			if in := h.dueIn(second); test.in == 0 && in > 0 || test.in > 0 && (in < test.in-time.Second || in > test.in) {
				t.Errorf("the second one comes due in %v, wanted %v", in, test.in)
			}
			h.promoted(alone)
			if n := h.queue(); n != 0 {
				t.Errorf("it moved %d rows more", n)
			}
		})
	}
}

// A promotion that is passed over, because somebody holds the row, is made up for when the
// row comes due by itself.
func TestAPromotionThatIsPassedOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.next("k", "head")
	second := h.next("k", "second")
	h.park(second)
	claim := h.claim(h.db, 1)[0]
	tx := h.begin()
	one[string](t, tx, "select state::text from orderbell.delivery where notification_id = $1 for update", second)
	h.settle(result(claim, outbox.OutcomeAcknowledged))
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if in := h.dueIn(second); in <= 0 || in > time.Minute {
		t.Errorf("it comes due in %v", in)
	}
	h.move(second, "next_attempt_at = now()")
	h.onlyClaims(h.db, "second")
}

// gated is a statement that waits, once it has its snapshot, for an advisory lock.
func gated(statement, before string) string {
	return strings.Replace(statement, before, "gate as materialized (select pg_advisory_xact_lock_shared(7)::text as passed), "+before, 1)
}

// The trap: what is decided on a snapshot in which the head was still there must not put
// its successor away, whose turn has come since. Here somebody cancels the head.
func TestQueueLeavesPromotedRowsAlone(t *testing.T) {
	t.Parallel()
	for name, due := range map[string]string{"due for long": "10 s", "due just now": "1.01 s"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			head := h.next("k", "head")
			second := h.next("k", "second")
			h.move(head, "next_attempt_at = now() + interval '1 hour'")
			h.move(second, "next_attempt_at = clock_timestamp() - interval '"+due+"'")
			gate := h.begin()
			one[any](t, gate, "select pg_advisory_xact_lock(7)::text")
			statement := gated(statements(t)["queue"], "held as materialized (")
			statement = strings.Replace(statement, "where d.notification_id = any (array(select notification_id from waiting))",
				"where (select passed from gate) is not null and d.notification_id = any (array(select notification_id from waiting))", 1)
			queued := make(chan error, 1)
			conn := pinned(t, h.url, "reads")
			go func() {
				rows, err := conn.Query(t.Context(), statement)
				if err == nil {
					_, err = pgx.CollectRows(rows, pgx.RowTo[int])
				}
				queued <- err
			}()
			h.somebodyWaits()
			h.exec("select orderbell.cancel('m-1', 'head')")
			if err := gate.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-queued; err != nil {
				t.Fatal(err)
			}
			h.promoted(second)
			h.onlyClaims(h.db, "second")
		})
	}
}

// A row whose turn has come is seen by the next look, and rings, also if it was due long
// before: looks reach back two seconds.
func TestATurnIsSeenByTheNextLook(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.next("k", "head")
	second := h.next("k", "second")
	claim := h.claim(h.db, 1)[0]
	h.move(second, "next_attempt_at = clock_timestamp() - interval '5 s'")
	e := h.bell(t)
	e.asleep(t)
	e.rings(t, func() { h.settle(result(claim, outbox.OutcomeAcknowledged)) })
	found, err := h.db.Look(t.Context(), time.Now())
	if err != nil || len(found.Endpoints) != 1 {
		t.Errorf("the look sees %v, %v", found.Endpoints, err)
	}
}
