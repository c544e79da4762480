package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

// Each ending calls the hook that it has, once, with the answer, and with the settle.
func TestHooksAreCalledWithTheSettle(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		settle func(h *house, claim *outbox.Claim) *outbox.Settlement
		called []string
		state  string
	}{
		"acknowledged": {
			settle: func(_ *house, c *outbox.Claim) *outbox.Settlement { return came(c, outbox.OutcomeAcknowledged) },
			called: []string{"ship A1 yes"}, state: "acknowledged",
		},
		"exhausted": {
			settle: func(_ *house, c *outbox.Claim) *outbox.Settlement { return last(c) },
			called: []string{"alarm A1"}, state: "exhausted",
		},
		"rejected": {
			settle: func(_ *house, c *outbox.Claim) *outbox.Settlement {
				s := came(c, outbox.OutcomeRejected)
				s.Result.Answer = "gone"
				return s
			},
			called: []string{"alarm A1 gone"}, state: "rejected",
		},
		"tried again":    {settle: func(_ *house, c *outbox.Claim) *outbox.Settlement { return came(c, outbox.OutcomeTimeout) }, state: "pending"},
		"handed back":    {settle: func(_ *house, c *outbox.Claim) *outbox.Settlement { return came(c, outbox.OutcomeInterrupted) }, state: "pending"},
		"unknown, our's": {settle: func(_ *house, c *outbox.Claim) *outbox.Settlement { return came(c, outbox.OutcomeUnknown) }, state: "pending"},
		"cancelled": {settle: func(h *house, c *outbox.Claim) *outbox.Settlement {
			h.cancel("A1")
			return last(c)
		}, state: "cancelled"},
		"cancelled, and acknowledged": {settle: func(h *house, c *outbox.Claim) *outbox.Settlement {
			h.cancel("A1")
			return came(c, outbox.OutcomeAcknowledged)
		}, called: []string{"ship A1 yes"}, state: "acknowledged"},
		"superseded": {settle: func(h *house, c *outbox.Claim) *outbox.Settlement {
			h.exec("select orderbell.enqueue('m-1', 'e', 'A1', '{}', supersede => true, deliver_after => '1 h')")
			return last(c)
		}, state: "superseded"},
		"a lapse at the end of the ladder": {settle: func(h *house, c *outbox.Claim) *outbox.Settlement {
			h.lapse(c.ID)
			c.Rung, c.Unknowns = 2, 9
			return came(c, outbox.OutcomeUnknown)
		}, called: []string{"alarm A1"}, state: "exhausted"},
		"acknowledged late": {settle: func(h *house, c *outbox.Claim) *outbox.Settlement {
			h.lapse(c.ID)
			h.alone(came(c, outbox.OutcomeUnknown))
			return came(c, outbox.OutcomeAcknowledged)
		}, called: []string{"ship A1 yes"}, state: "acknowledged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.notes("ship")
			h.notes("alarm")
			claim := h.hooked("ship", "alarm")
			s := test.settle(h, claim)
			went := h.alone(s)
			if string(went.State) != test.state || went.HookFault != "" {
				t.Errorf("it went %+v", went)
			}
			// Again, as after a commit whose outcome is unknown.
			if again, held, err := h.db.SettleAlone(t.Context(), s); again.State != "" || held || err != nil {
				t.Errorf("again it went %+v, held %t, %v", again, held, err)
			}
			if test.called == nil {
				test.called = []string{}
			}
			if diff := cmp.Diff(test.called, h.called()); diff != "" {
				t.Errorf("called (-want +got):\n%s", diff)
			}
			if got := h.standing(claim.ID); got.State != test.state {
				t.Errorf("it stands at %+v", got)
			}
		})
	}
}

// A row that names one hook calls none where it ends the other way.
func TestTheOtherHookIsNotCalled(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.notes("ship")
	h.notes("alarm")
	h.alone(last(h.hooked("ship", "")))
	h.alone(came(h.hooked("", "alarm"), outbox.OutcomeAcknowledged))
	if got := h.called(); len(got) != 0 {
		t.Errorf("called %v", got)
	}
}

// failures are hooks that fail, by how, with what is said of it.
var failures = map[string]struct{ body, says string }{
	"raises":              {"begin raise exception 'out of stock'; end", "out of stock (SQLSTATE P0001)"},
	"takes too long":      {"begin perform pg_sleep(60); end", "canceling statement due to statement timeout (SQLSTATE 57014)"},
	"waits for a lock":    {"begin perform pg_advisory_xact_lock(77); end", "(SQLSTATE 5"}, // 55P03 or 57014, whichever comes first
	"breaks a constraint": {"insert into public.later values (1), (1)", `duplicate key value violates unique constraint "later_pkey" (SQLSTATE 23505)`},
	"is not allowed":      {"begin commit; end", "(SQLSTATE 2D000)"},
	"divides by zero":     {"begin perform 1 / (answer is null)::int - 1 / (answer is not null)::int; end", "division by zero (SQLSTATE 22012)"},
	"says odd things":     {"begin raise exception '%', chr(7) || '锁 ''\"\\'; end", "锁 '\"\\ (SQLSTATE P0001)"},
}

// A hook that fails takes back what it did, and keeps the row: with its attempt, with why,
// and until the next rung. Nothing is sent again. When it works, the row ends as it would
// have.
func TestAHookThatFails(t *testing.T) {
	t.Parallel()
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.exec("create table public.later (n int primary key deferrable initially deferred)")
			if name == "waits for a lock" {
				one[any](t, h.begin(), "select pg_advisory_xact_lock(77)::text")
			}
			h.hook("ship", failure.body)
			claim := h.hooked("ship", "")
			went := h.alone(came(claim, outbox.OutcomeAcknowledged))
			if went.State != outbox.Pending || went.HookFault == "" {
				t.Errorf("it went %+v", went)
			}
			want := standing{State: "pending", AttemptCount: 1, Outcomes: "1 acknowledged"}
			if diff := cmp.Diff(want, h.standing(claim.ID)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			h.explains(claim.ID, "and hook ship has failed 1 times: ")
			h.explains(claim.ID, failure.says)
			h.triedAgainIn(claim.ID, 15*time.Second)
			h.onlyClaims(h.db)
			for range 3 { // the last rung is repeated
				h.callOwed(claim.ID)
				h.triedAgainIn(claim.ID, 3*time.Minute)
			}
			h.explains(claim.ID, "and hook ship has failed 4 times: ")

			h.notes("ship")
			if went := h.callOwed(claim.ID); went.State != outbox.Acknowledged || went.HookFault != "" {
				t.Errorf("at last it went %+v", went)
			}
			if diff := cmp.Diff([]string{"ship A1 yes"}, h.called()); diff != "" {
				t.Errorf("called (-want +got):\n%s", diff)
			}
			want.State = "acknowledged"
			if diff := cmp.Diff(want, h.standing(claim.ID)); diff != "" {
				t.Errorf("at last (-want +got):\n%s", diff)
			}
			if n := one[int](t, h.pool, "select (select count(*) from orderbell.owed) + (select count(*) from orderbell.delivery)"); n != 0 {
				t.Errorf("%d rows are left", n)
			}
		})
	}
}

// What a hook that fails has come to is kept, whatever the ending.
func TestAFailedHookKeepsTheEnding(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[outbox.Outcome]standing{
		outbox.OutcomeTimeout:  {State: "exhausted", AttemptCount: 1, Rung: 2, Reason: "because of timeout", Outcomes: "1 timeout"},
		outbox.OutcomeRejected: {State: "rejected", AttemptCount: 1, Rung: 2, Reason: "because of rejected", Outcomes: "1 rejected"},
	} {
		t.Run(string(outcome), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.hook("alarm", failures["raises"].body)
			claim := h.hooked("", "alarm")
			claim.Rung = 2
			h.alone(came(claim, outcome))
			h.explains(claim.ID, want.State+" at ")
			h.notes("alarm")
			if went := h.callOwed(claim.ID); went.State != outbox.State(want.State) {
				t.Errorf("it went %+v", went)
			}
			got := h.standing(claim.ID)
			if got.Reason == "" {
				t.Error("it gives no reason")
			}
			want.Reason, got.Reason = "", ""
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A row that is born malformed calls its hook too, from a worker, and not in the order's
// transaction.
func TestAMalformedRowCallsItsHook(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.notes("alarm")
	id := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-1', 'e', 'A1', '{}', url => 'ftp://x', on_acknowledged => 'alarm', on_exhausted => 'alarm')")
	if got := h.called(); len(got) != 0 {
		t.Errorf("called %v", got)
	}
	h.explains(id, "rejected at ")
	h.explains(id, "and hook alarm is still to be called")
	h.onlyClaims(h.db)
	owed, err := h.db.Owed(t.Context())
	if err != nil || len(owed) != 1 || owed[0].ID != id || owed[0].Policy != "standard" {
		t.Fatalf("owed: %+v, %v", owed, err)
	}
	h.callOwed(id)
	if diff := cmp.Diff([]string{"alarm A1"}, h.called()); diff != "" {
		t.Errorf("called (-want +got):\n%s", diff)
	}
	if got := h.standing(id); got.State != "rejected" || got.Reason == "" || got.AttemptCount != 0 {
		t.Errorf("it stands at %+v", got)
	}
}

// A row without that hook, and a duplicate, end at once.
func TestMalformedRowsThatOweNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.notes("ship")
	h.exec("select orderbell.enqueue('m-1', 'e', 'A1', '{}', url => 'ftp://x', on_acknowledged => 'ship')")
	h.exec("insert into orderbell.notification (endpoint, event, order_no, body, dedupe_key, on_exhausted) select 'm-1', 'e', 'A2', '{}', 'd', 'ship' from generate_series(1, 2)")
	if n := one[int](t, h.pool, "select count(*) from orderbell.owed"); n != 0 {
		t.Errorf("%d are owed", n)
	}
	if n := one[int](t, h.pool, "select count(*) from orderbell.finished"); n != 2 {
		t.Errorf("%d have ended", n)
	}
}
