package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

// hold writes a notification to m-1 that is held back; more are further arguments.
func (h *house) hold(orderNo, more string) outbox.ID {
	h.t.Helper()
	return one[outbox.ID](h.t, h.pool, "select orderbell.enqueue('m-1', 'e', $1, '{}', hold => true"+more+")", orderNo)
}

func (h *house) release(orderNo string) int {
	h.t.Helper()
	return one[int](h.t, h.pool, "select orderbell.release('m-1', $1)", orderNo)
}

// What is held is never claimed, nor due, nor moved on, however long it is held.
func TestHeldIsNeverClaimed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.hold("A1", "")
	h.hold("A2", ", deliver_after => '1 ms'")
	h.hold("A3", ", sequence_key => 'k'")
	h.exec("insert into orderbell.notification (endpoint, event, order_no, body, hold) values ('m-1', 'e', 'A4', '{}', true)")
	h.onlyClaims(h.db)
	if n := h.queue(); n != 0 {
		t.Errorf("queue moved %d", n)
	}
	full, err := h.db.FullLook(t.Context())
	if err != nil || len(full.Endpoints) != 0 || full.Queued || full.Owed || full.NextDue != 0 {
		t.Errorf("the full look sees %+v, %v", full, err)
	}
	h.explains(id, "held since ")
	if held := one[int](t, h.pool, "select held from orderbell.backlog where due_now + waiting + in_flight + parked + queued = 0"); held != 4 {
		t.Errorf("the backlog has %d held", held)
	}
}

// Released rows are due at once, and when they were is kept.
func TestRelease(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("insert into orderbell.endpoint (id, url) values ('m-2', 'http://two.example/')")
	id, also, other := h.hold("A1", ""), h.hold("A1", ""), h.hold("A2", "")
	elsewhere := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-2', 'e', 'A1', '{}', hold => true)")
	shipped := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-1', 'shipped', 'A1', '{}', hold => true)")
	if n := one[int](t, h.pool, "select orderbell.release('m-1', 'A1', event => 'e')"); n != 2 {
		t.Errorf("release says %d, want 2", n)
	}
	for _, held := range []outbox.ID{other, elsewhere, shipped} {
		if got := h.standing(held); got != (standing{State: "held"}) {
			t.Errorf("another stands at %+v", got)
		}
	}
	h.promoted(id)
	h.promoted(also)
	const released = "select released_at between now() - interval '1 min' and clock_timestamp() from orderbell.notification_status where id = $1"
	if !one[bool](t, h.pool, released, id) {
		t.Error("an unfinished row does not say when it was released")
	}
	for _, claim := range h.onlyClaims(h.db, "A1", "A1") {
		h.settle(result(claim, outbox.OutcomeAcknowledged))
	}
	if !one[bool](t, h.pool, released, id) || !one[bool](t, h.pool, "select bool_and(released_at < finished_at) from orderbell.finished") {
		t.Error("a finished row does not say when it was released")
	}
	if n := h.release("A1"); n != 1 {
		t.Errorf("the second release says %d, want 1: shipped", n)
	}
}

func TestReleaseOfNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.claimed("flying")
	h.settle(result(h.claimed("done"), outbox.OutcomeAcknowledged))
	h.enqueue("pending")
	h.hold("cancelled", "")
	h.cancel("cancelled")
	h.hold("twice", "")
	h.release("twice")
	for _, order := range []string{"pending", "flying", "done", "cancelled", "twice", "never"} {
		if n := h.release(order); n != 0 {
			t.Errorf("release of %s says %d", order, n)
		}
	}
	if n := one[int](t, h.pool, "select orderbell.release('nobody', 'A1')"); n != 0 {
		t.Errorf("at an unknown endpoint it says %d", n)
	}
	if n := one[int](t, h.pool, "select count(*) from orderbell.notification_status where released_at is not null and order_no <> 'twice'"); n != 0 {
		t.Errorf("%d rows say that they were released", n)
	}
	for _, call := range []string{"release(null, 'A1')", "release('m-1', null)"} {
		if _, err := h.pool.Exec(t.Context(), "select orderbell."+call); err == nil {
			t.Errorf("%s is no error", call)
		}
	}
}

// A held row that asks for a time of its own keeps it.
func TestReleaseAndDeliverAfter(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	later := h.hold("A1", ", deliver_after => '10 min'")
	passed := h.hold("A2", ", deliver_after => '1 us'")
	asks := h.hold("A3", ", policy => 'question'")
	for _, order := range []string{"A1", "A2", "A3"} {
		if n := h.release(order); n != 1 {
			t.Errorf("release says %d", n)
		}
	}
	if in := h.dueIn(later); in < 9*time.Minute || in > 10*time.Minute {
		t.Errorf("it is due in %v", in)
	}
	h.promoted(passed)
	if in, first := h.dueIn(asks), one[time.Duration](t, h.pool, "select first_wait from orderbell.policy where name = 'question'"); in <= 0 || in > first {
		t.Errorf("the question is due in %v, the first wait is %v", in, first)
	}
}

func TestReleaseRings(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := h.bell(t)
	e.asleep(t)
	e.silent(t, func() { h.hold("A1", "") })
	e.rings(t, func() { h.release("A1") })
	e.silent(t, func() { h.release("A1") })
}

// A release counts when its transaction commits, and not before.
func TestReleaseInATransaction(t *testing.T) {
	t.Parallel()
	for name, commit := range map[string]bool{"committed": true, "rolled back": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.hold("A1", "")
			tx := h.begin()
			if n := one[int](t, tx, "select orderbell.release('m-1', 'A1')"); n != 1 {
				t.Errorf("release says %d", n)
			}
			h.onlyClaims(h.db)
			end, want := tx.Rollback, []string(nil)
			if commit {
				end, want = tx.Commit, []string{"A1"}
			}
			if err := end(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.onlyClaims(h.db, want...)
		})
	}
}

// Of two that release at once one does; and what was cancelled meanwhile stays cancelled.
func TestReleaseWaitsForWhoeverHoldsTheRow(t *testing.T) {
	t.Parallel()
	for first, state := range map[string]string{"release": "pending", "cancel": "cancelled"} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			id := h.hold("A1", "")
			tx := h.begin()
			if n := one[int](t, tx, "select orderbell."+first+"('m-1', 'A1')"); n != 1 {
				t.Errorf("%s says %d", first, n)
			}
			said := make(chan int, 1)
			go func() { said <- h.release("A1") }()
			h.somebodyWaits()
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := <-said; n != 0 {
				t.Errorf("the second says %d", n)
			}
			if got := h.standing(id); got.State != state {
				t.Errorf("it stands at %+v", got)
			}
		})
	}
}

// Written, held and released by one transaction.
func TestHoldAndReleaseInOneTransaction(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tx := h.begin()
	one[outbox.ID](t, tx, "select orderbell.enqueue('m-1', 'e', 'A1', '{}', hold => true)")
	if n := one[int](t, tx, "select orderbell.release('m-1', 'A1')"); n != 1 {
		t.Errorf("release says %d", n)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.onlyClaims(h.db, "A1")
}

func TestCancelOfHeld(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.hold("A1", "")
	if n := h.cancel("A1"); n != 1 {
		t.Errorf("cancel says %d", n)
	}
	want := standing{State: "cancelled", Reason: "cancelled by " + one[string](t, h.pool, "select session_user")}
	if diff := cmp.Diff(want, h.standing(id)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is malformed ends at once, held or not; so does a duplicate.
func TestHeldAndMalformed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	bad := h.hold("A1", ", url => 'ftp://x'")
	if got := h.standing(bad); got.State != "rejected" {
		t.Errorf("it stands at %+v", got)
	}
	first := h.hold("A2", ", dedupe_key => 'd'")
	if again := h.hold("A3", ", dedupe_key => 'd'"); again != first {
		t.Errorf("a duplicate is %s", outbox.FormatID(again))
	}
}
