package postgres_test

import (
	"testing"

	"github.com/orderbell/orderbell/internal/outbox"
)

func TestCancel(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("insert into orderbell.endpoint (id, url) values ('m-2', 'http://two.example/')")
	waiting := h.claimed("A1")
	h.settle(result(waiting, outbox.OutcomeTimeout))
	flying, due := h.claimed("A1"), h.enqueue("A1")
	done := h.enqueue("A1")
	h.place(done, situation{state: outbox.Exhausted})
	elsewhere := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-2', 'trade.success', 'A1', '')")
	other := h.enqueue("A2")
	shipped := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-1', 'trade.shipped', 'A1', '')")

	if n := one[int](t, h.pool, "select orderbell.cancel('m-1', 'A1', event => 'trade.success')"); n != 3 {
		t.Errorf("cancel says %d, want 3: in flight, waiting and due", n)
	}
	user := one[string](t, h.pool, "select session_user")
	for id, want := range map[outbox.ID]standing{
		waiting.ID: {State: "cancelled", AttemptCount: 1, Rung: 1, Reason: "cancelled by " + user, Outcomes: "1 timeout"},
		flying.ID:  {State: "in_flight", AttemptCount: 1},
		due:        {State: "cancelled", Reason: "cancelled by " + user},
		done:       {State: "exhausted", AttemptCount: 1, Reason: "placed"},
		elsewhere:  {State: "pending"},
		other:      {State: "pending"},
		shipped:    {State: "pending"},
	} {
		if got := h.standing(id); got != want {
			t.Errorf("%s stands at %+v, want %+v", outbox.FormatID(id), got, want)
		}
	}
	// What is marked is counted each time; what has ended is not.
	if n := h.cancel("A1"); n != 2 {
		t.Errorf("the second cancel says %d, want 2: marked and shipped", n)
	}
	if n := one[int](t, h.pool, "select orderbell.cancel('nobody', 'A1')"); n != 0 {
		t.Errorf("cancel at an unknown endpoint says %d", n)
	}
	if n := h.cancel("never"); n != 0 {
		t.Errorf("cancel of an unknown order says %d", n)
	}
}

func TestCancelRolledBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.enqueue("A1")
	tx := h.begin()
	if n := one[int](t, tx, "select orderbell.cancel('m-1', 'A1')"); n != 1 {
		t.Errorf("cancel says %d", n)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.standing(id); got.State != "pending" {
		t.Errorf("it stands at %+v", got)
	}
}

// An order that is written and cancelled in one transaction is never sent.
func TestCancelInTheSameTransaction(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tx := h.begin()
	id := one[outbox.ID](t, tx, "select orderbell.enqueue('m-1', 'e', 'A1', '')")
	if n := one[int](t, tx, "select orderbell.cancel('m-1', 'A1')"); n != 1 {
		t.Errorf("cancel says %d", n)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.standing(id); got.State != "cancelled" {
		t.Errorf("it stands at %+v", got)
	}
}

// Cancel waits for whoever holds the row, and sees what came of it.
func TestCancelWaitsForAClaim(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.enqueue("A1")
	tx := h.begin()
	if _, err := tx.Exec(t.Context(), `update orderbell.delivery set state = 'in_flight', attempt_count = 1, claimed_by = 'w-1', leased_until = now() + interval '8 s'`); err != nil {
		t.Fatal(err)
	}
	said := make(chan int, 1)
	go func() { said <- h.cancel("A1") }()
	h.somebodyWaits()
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := <-said; n != 1 {
		t.Errorf("cancel says %d", n)
	}
	if ends := one[string](t, h.pool, "select ends_as from orderbell.delivery where notification_id = $1", id); ends != "cancelled" {
		t.Errorf("it ends as %s", ends)
	}
}
