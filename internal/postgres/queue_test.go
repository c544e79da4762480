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

// Rows that are due and wait for their turn are put away, the head and what waits for
// nothing are not.
func TestQueueMovesOnWhatWaits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	head, second, alone := h.next("k", "head"), h.next("k", "second"), h.enqueue("alone")
	h.exec("update orderbell.delivery set next_attempt_at = now() - interval '2 s'")
	if n := h.queue(); n != 1 {
		t.Errorf("it moved %d rows, want 1", n)
	}
	h.promoted(head)
	h.promoted(alone)
	if in := h.dueIn(second); in < time.Second || in > 2*time.Second {
		t.Errorf("the second one comes due in %v, wanted 2 s", in)
	}
	if n := h.queue(); n != 0 {
		t.Errorf("it moved %d rows more", n)
	}
}

// A row of a new one waits two seconds, that of an old one longer, and none for over a minute:
// it comes due by itself, since whoever promotes passes over what somebody holds.
func TestQueuePutsNothingAwayForLong(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	head := h.next("k", "head")
	h.exec(`insert into orderbell.delivery (notification_id, endpoint, state, next_attempt_at, sequence_key, seq)
		select orderbell.uuid7(now() - age), 'm-1', 'pending', now() - interval '2 s', 'k', nextval('orderbell.sequence')
		from unnest(array['0 s', '10 s', '90 s', '3 min', '30 days']::interval[]) age`)
	if n := h.queue(); n != 5 {
		t.Fatalf("it moved %d rows", n)
	}
	got := all[float64](t, h.pool, `select round(extract(epoch from next_attempt_at - now()))::float8 from orderbell.delivery
		where notification_id <> $1 order by seq`, head)
	for i, want := range []float64{2, 5, 45, 60, 60} {
		if got[i] < want-1 || got[i] > want {
			t.Errorf("row %d comes due in %v s, wanted %v", i, got[i], want)
		}
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
// its successor away, whose turn has come since.
func TestQueueLeavesPromotedRowsAlone(t *testing.T) {
	t.Parallel()
	for name, due := range map[string]string{"due for long": "10 s", "due just now": "1.01 s"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.next("k", "head")
			second := h.next("k", "second")
			claim := h.claim(h.db, 1)[0]
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
			h.settle(result(claim, outbox.OutcomeAcknowledged))
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
