package postgres_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

// supersede writes a newer state of an order to m-1; more are further arguments.
func (h *house) supersede(orderNo, more string) outbox.ID {
	h.t.Helper()
	return one[outbox.ID](h.t, h.pool, "select orderbell.enqueue('m-1', 'trade.success', $1, '{}', supersede => true"+more+")", orderNo)
}

// A newer one ends what is not under way, marks what is, and leaves all else alone.
func TestSupersede(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("insert into orderbell.endpoint (id, url) values ('m-2', 'http://two.example/')")
	waiting := h.claimed("A1")
	h.settle(result(waiting, outbox.OutcomeTimeout))
	flying := h.claimed("A1")
	held := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-1', 'trade.success', 'A1', '{}', hold => true)")
	due, done := h.enqueue("A1"), h.enqueue("A1")
	h.place(done, situation{state: outbox.Acknowledged})
	elsewhere := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-2', 'trade.success', 'A1', '')")
	other := h.enqueue("A2")
	shipped := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-1', 'trade.shipped', 'A1', '')")

	newer := h.supersede("A1", "")
	by := "superseded by " + outbox.FormatID(newer)
	for id, want := range map[outbox.ID]standing{
		waiting.ID: {State: "superseded", AttemptCount: 1, Rung: 1, Reason: by, Outcomes: "1 timeout"},
		flying.ID:  {State: "in_flight", AttemptCount: 1},
		held:       {State: "superseded", Reason: by},
		due:        {State: "superseded", Reason: by},
		done:       {State: "acknowledged", AttemptCount: 1, Reason: "placed"},
		elsewhere:  {State: "pending"},
		other:      {State: "pending"},
		shipped:    {State: "pending"},
		newer:      {State: "pending"},
	} {
		if got := h.standing(id); got != want {
			t.Errorf("%s stands at %+v, want %+v", outbox.FormatID(id), got, want)
		}
	}
	h.explains(flying.ID, "then it ends superseded, unless it was acknowledged")
	h.explains(due, by)
}

// What was in flight ends as its attempt, where that is an acknowledgement.
func TestSupersededInFlight(t *testing.T) {
	t.Parallel()
	for _, outcome := range outbox.Outcomes {
		t.Run(string(outcome), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			claim := h.claimed("A1")
			newer := h.supersede("A1", "")
			if outcome == outbox.OutcomeUnknown {
				h.lapse(claim.ID)
			}
			h.settle(result(claim, outcome))
			want := standing{State: "superseded", AttemptCount: 1, Reason: "superseded while attempt 1 was in flight", Outcomes: "1 " + string(outcome)}
			if outcome == outbox.OutcomeAcknowledged {
				want.State, want.Reason = "acknowledged", ""
			}
			got := h.standing(claim.ID)
			got.Rung = 0
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := h.standing(newer); got.State != "pending" {
				t.Errorf("the newer one stands at %+v", got)
			}
		})
	}
}

// Of two newer ones that are written at the same time, the later sees the former: one
// is left.
func TestTwoSupersedeAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.enqueue("A1")
	tx := h.begin()
	former := one[outbox.ID](t, tx, "select orderbell.enqueue('m-1', 'trade.success', 'A1', '1', supersede => true)")
	written := make(chan outbox.ID, 1)
	go func() { written <- h.supersede("A1", "") }()
	h.somebodyWaits()
	h.supersede("A2", "") // another order does not wait
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	later := <-written
	if got := h.standing(former); got.State != "superseded" || got.Reason != "superseded by "+outbox.FormatID(later) {
		t.Errorf("the former stands at %+v", got)
	}
	h.onlyClaims(h.db, "A1", "A2")
}

// What cannot be sent replaces nothing.
func TestWhatSupersedesNothing(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{
		"malformed":               ", url => 'ftp://x'",
		"malformed, with a hook":  ", url => 'ftp://x', on_exhausted => 'alarm'",
		"too long a sequence_key": ", sequence_key => repeat('k', 2000)",
		"a duplicate":             ", dedupe_key => 'd'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.hook("alarm", "select")
			h.exec("select orderbell.enqueue('m-1', 'other', 'A9', '{}', dedupe_key => 'd', deliver_after => '1 h')")
			id := h.enqueue("A1")
			h.supersede("A1", more)
			if got := h.standing(id); got != (standing{State: "pending"}) {
				t.Errorf("the older one stands at %+v", got)
			}
		})
	}
}

// It counts when its transaction commits.
func TestSupersedeRolledBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.enqueue("A1")
	tx := h.begin()
	one[outbox.ID](t, tx, "select orderbell.enqueue('m-1', 'trade.success', 'A1', '', supersede => true)")
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.standing(id); got != (standing{State: "pending"}) {
		t.Errorf("it stands at %+v", got)
	}
}

// A newer one is held, waits, and takes its place in a sequence like any other.
func TestSupersedeTogetherWithTheRest(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.next("k", "first")
	older := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-1', 'trade.success', 'A1', '{}', sequence_key => 'k')")
	last := h.next("k", "last")
	newer := h.supersede("A1", ", sequence_key => 'k', hold => true")
	if got := h.standing(older); got.State != "superseded" {
		t.Errorf("the older one stands at %+v", got)
	}
	if diff := cmp.Diff([]string{"first", "last", "A1"}, h.numbered("k")); diff != "" {
		t.Errorf("numbered (-want +got):\n%s", diff)
	}
	for _, want := range []string{"first", "last"} {
		h.settle(result(h.onlyClaims(h.db, want)[0], outbox.OutcomeAcknowledged))
	}
	h.onlyClaims(h.db)
	if got := h.standing(last); got.State != "acknowledged" {
		t.Errorf("the last one stands at %+v", got)
	}
	h.supersede("A1", "")
	if got := h.standing(newer); got.State != "superseded" {
		t.Errorf("the held one stands at %+v", got)
	}
}
