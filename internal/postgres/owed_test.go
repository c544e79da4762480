package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

// owing makes a row that owes its hook, after an attempt with this outcome at the end of its
// ladder.
func (h *house) owing(outcome outbox.Outcome) *outbox.Claim {
	h.t.Helper()
	h.hook("fails", failures["raises"].body)
	claim := h.hooked("fails", "fails")
	claim.Rung = 2
	if went := h.alone(came(claim, outcome)); went.HookFault == "" {
		h.t.Fatalf("it went %+v", went)
	}
	return claim
}

// Cancelled, such a row ends as what it had come to, and says that its hook was not called.
func TestCancelOfARowThatOwes(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[outbox.Outcome]string{
		outbox.OutcomeAcknowledged: "acknowledged", outbox.OutcomeTimeout: "exhausted", outbox.OutcomeRejected: "rejected",
	} {
		t.Run(string(outcome), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			claim := h.owing(outcome)
			if n := h.cancel("A1"); n != 1 {
				t.Errorf("cancel says %d", n)
			}
			got := h.standing(claim.ID)
			if got.State != want || got.Outcomes != "1 "+string(outcome) || got.AttemptCount != 1 {
				t.Errorf("it stands at %+v", got)
			}
			h.explains(claim.ID, "its hook fails was given up, cancelled by ")
			if n := one[int](t, h.pool, "select count(*) from orderbell.owed"); n != 0 {
				t.Errorf("%d are owed", n)
			}
			if again, err := h.db.CallOwed(t.Context(), outbox.Owed{ID: claim.ID}, nil); err != nil || again.State != "" {
				t.Errorf("called again: %+v, %v", again, err)
			}
		})
	}
}

// A late acknowledgement leaves a row that owes alone, and is recorded.
func TestALateAcknowledgementOfARowThatOwes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first := h.hookedAfterALapse()
	h.hook("fails", failures["raises"].body)
	second := h.claim(h.db, 1)[0]
	second.Policy = hookPolicy()
	h.alone(last(second))
	before := h.standing(first.ID)
	for _, settle := range []func(*outbox.Settlement){
		func(s *outbox.Settlement) { h.alone(s) }, func(s *outbox.Settlement) { h.settle(s) },
	} {
		settle(came(first, outbox.OutcomeAcknowledged))
		if diff := cmp.Diff(before, h.standing(first.ID)); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
	}
	h.explains(first.ID, "exhausted at ")
}

// hookedAfterALapse is the first attempt of a row, whose lease was lost; it is due again.
func (h *house) hookedAfterALapse() *outbox.Claim {
	h.t.Helper()
	h.hook("fails", "select")
	first := h.hooked("fails", "fails")
	h.lapse(first.ID)
	h.alone(came(first, outbox.OutcomeUnknown))
	return first
}

// The backlog and the endpoint's health count each row once.
func TestRowsThatOweAndWaitAreCountedOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owing := h.owing(outbox.OutcomeAcknowledged)
	h.exec("select orderbell.enqueue('m-1', 'e', 'A2', '{}', url => 'ftp://x', on_exhausted => 'fails')")
	h.next("k", "head")
	h.next("k", "second")
	h.hold("held", "")
	h.hold("held behind", ", sequence_key => 'k'")
	h.enqueue("due")
	h.exec("select orderbell.enqueue('m-1', 'e', 'later', '{}', deliver_after => '1 h')")
	h.exec("update orderbell.delivery set next_attempt_at = now() - interval '1 h' where notification_id = $1", owing.ID)
	sums := func(want map[string]int) {
		t.Helper()
		got := map[string]int{}
		for column := range want {
			got[column] = one[int](t, h.pool, "select "+column+" from orderbell.backlog")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the backlog (-want +got):\n%s", diff)
		}
	}
	rows := one[int](t, h.pool, "select count(*) from orderbell.delivery")
	sums(map[string]int{"due_now": 2, "waiting": 1, "held": 2, "queued": 1, "owing_hooks": 2, "in_flight": 0, "parked": 0, "paused": 0, "behind_breaker": 0})
	if rows != 8 {
		t.Errorf("there are %d rows", rows)
	}
	health := h.health()[0]
	if health.Pending != 6 || health.InFlight != 0 || health.Parked != 0 {
		t.Errorf("health: %+v", health)
	}
	h.exec("select orderbell.pause('m-1')")
	sums(map[string]int{"due_now": 0, "waiting": 1, "held": 2, "queued": 1, "owing_hooks": 2, "paused": 2, "parked": 0})
	h.exec("update orderbell.policy set fault = 'it does not compile'")
	sums(map[string]int{"due_now": 0, "waiting": 0, "held": 2, "queued": 1, "owing_hooks": 2, "paused": 0, "parked": 3})
}

// A look says that hooks are due, and rings where they are not: at their time.
func TestLooksSeeHooks(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.hook("ship", failures["raises"].body)
	claim := h.hooked("ship", "")
	e := h.bell(t)
	e.asleep(t)
	e.rings(t, func() { h.alone(came(claim, outbox.OutcomeAcknowledged)) })
	for _, due := range []bool{false, true} {
		if due {
			h.move(claim.ID, "next_attempt_at = now()")
		}
		found, err := h.db.Look(t.Context(), time.Now())
		full, fullErr := h.db.FullLook(t.Context())
		if err := errors.Join(err, fullErr); err != nil || found.Owed != due || full.Owed != due || len(found.Endpoints)+len(full.Endpoints) != 0 {
			t.Errorf("due is %t; the look: %+v, the full look: %+v, %v", due, found, full, err)
		}
		if !due && (found.NextDue <= 0 || found.NextDue > 15*time.Second) {
			t.Errorf("the next is due in %v", found.NextDue)
		}
	}
}
