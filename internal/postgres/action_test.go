package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

// action makes the function public.act with this body, and m-1 call it.
func (h *house) action(body string) {
	h.t.Helper()
	h.exec("create table if not exists public.done (order_no text, body text)")
	h.exec("create table if not exists public.later (n int primary key deferrable initially deferred)")
	h.exec("create or replace function public.act(order_no text, body text) returns boolean language plpgsql as $$ " + body + " $$")
	h.exec("update orderbell.endpoint set url = 'sql:public.act' where id = 'm-1'")
}

// works is the body of an action that does something, and then this.
func works(then string) string {
	return "begin insert into public.done values (order_no, body); " + then + "; end"
}

// did is what actions have done, and was committed.
func (h *house) did() []string {
	h.t.Helper()
	return all[string](h.t, h.pool, "select order_no || ' ' || body from public.done")
}

// acting claims a row for an action, with what it is called with.
func (h *house) acting() *outbox.Settlement {
	h.t.Helper()
	return h.actsOn(h.claimed("A1"))
}

func (h *house) actsOn(claim *outbox.Claim) *outbox.Settlement {
	h.t.Helper()
	claim.Policy = hookPolicy()
	if gone, err := h.db.Fill(h.t.Context(), []*outbox.Claim{claim}); err != nil || len(gone) != 0 {
		h.t.Fatalf("%d are gone, %v", len(gone), err)
	}
	return &outbox.Settlement{Claim: claim, Began: time.Now(), Worker: "w-1"}
}

// act calls the action for a claim, which it expects to be settled.
func (h *house) act(s *outbox.Settlement) outbox.Settled {
	h.t.Helper()
	went, held, err := h.db.Act(h.t.Context(), s, "public.act")
	if err != nil || held {
		h.t.Fatalf("held is %t, %v", held, err)
	}
	return went
}

// An action is done where it returned true, and leaves nothing behind where it did not.
func TestActions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body, error string
		outcome     outbox.Outcome
	}{
		"true":                 {body: works("return true"), outcome: outbox.OutcomeAcknowledged},
		"false":                {body: works("return false"), outcome: outbox.OutcomeAnswered, error: "the function returned false"},
		"null":                 {body: works("return null"), outcome: outbox.OutcomeAnswered, error: "the function returned null"},
		"an exception":         {body: works("raise exception 'no stock'"), outcome: outbox.OutcomeAnswered, error: "the function failed: no stock (SQLSTATE P0001)"},
		"too long":             {body: works("perform pg_sleep(60); return true"), outcome: outbox.OutcomeTimeout, error: "the function took longer than 1s"},
		"a constraint":         {body: works("insert into public.later values (1), (1); return true"), outcome: outbox.OutcomeAnswered, error: `the function failed: duplicate key value violates unique constraint "later_pkey" (SQLSTATE 23505)`},
		"a commit":             {body: works("commit; return true"), outcome: outbox.OutcomeAnswered, error: "the function failed: invalid transaction termination (SQLSTATE 2D000)"},
		"somebody's cancel":    {body: works("perform pg_cancel_backend(pg_backend_pid()); perform pg_sleep(60); return true"), outcome: outbox.OutcomeAnswered, error: "the function failed: canceling statement due to user request (SQLSTATE 57014)"},
		"a strange thing":      {body: works("raise exception '%', repeat('锁', 3)"), outcome: outbox.OutcomeAnswered, error: "the function failed: 锁锁锁 (SQLSTATE P0001)"},
		"no return":            {body: works("null"), outcome: outbox.OutcomeAnswered, error: "the function failed: control reached end of function without RETURN (SQLSTATE 2F005)"},
		"a serialization fail": {body: works("raise serialization_failure"), outcome: outbox.OutcomeAnswered, error: "the function failed: serialization_failure (SQLSTATE 40001)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.action(test.body)
			s := h.acting()
			went := h.act(s)
			if s.Result.Outcome != test.outcome || s.Result.Error != test.error {
				t.Errorf("it came to %s: %s", s.Result.Outcome, s.Result.Error)
			}
			want, did := standing{State: "pending", AttemptCount: 1, Rung: 1, Outcomes: "1 " + string(test.outcome)}, []string{}
			if test.outcome == outbox.OutcomeAcknowledged {
				want.State, want.Rung, did = "acknowledged", 0, []string{"A1 {}"}
			}
			if diff := cmp.Diff(want, h.standing(s.Claim.ID)); diff != "" || string(went.State) != want.State {
				t.Errorf("it went %+v (-want +got):\n%s", went, diff)
			}
			if diff := cmp.Diff(did, h.did()); diff != "" {
				t.Errorf("did (-want +got):\n%s", diff)
			}
			h.explains(s.Claim.ID, test.error)
			// Once more, as when the answer of the commit was lost: it is not called again.
			if went, held, err := h.db.Act(t.Context(), s, "public.act"); went.State != "" || held || err != nil {
				t.Errorf("again: %+v, held %t, %v", went, held, err)
			}
			if diff := cmp.Diff(did, h.did()); diff != "" {
				t.Errorf("did again (-want +got):\n%s", diff)
			}
		})
	}
}

// The end of the ladder is that of an action too, with its hook.
func TestActionsWithHooks(t *testing.T) {
	t.Parallel()
	for _, returns := range []string{"true", "false"} {
		for _, fails := range []bool{false, true} {
			t.Run(returns, func(t *testing.T) {
				t.Parallel()
				h := newHouse(t)
				h.action(works("return " + returns))
				for _, hook := range []string{"ship", "alarm"} {
					h.notes(hook)
					if fails {
						h.hook(hook, failures["raises"].body)
					}
				}
				claim := h.hooked("ship", "alarm")
				s := h.actsOn(claim)
				claim.Rung = 2
				went := h.act(s)
				calls, did, state := []string{"ship A1 true"}, []string{"A1 {}"}, outbox.Acknowledged
				if returns == "false" {
					calls, did, state = []string{"alarm A1 false"}, []string{}, outbox.Exhausted
				}
				if !fails && went.State != state || fails && (went.State != outbox.Pending || went.HookFault == "") {
					t.Errorf("it went %+v", went)
				}
				if fails {
					h.onlyClaims(h.db) // the action is done, and not called again
					h.notes("ship")
					h.notes("alarm")
					if went := h.callOwed(claim.ID); went.State != state {
						t.Errorf("at last it went %+v", went)
					}
				}
				if diff := cmp.Diff([][]string{did, calls}, [][]string{h.did(), h.called()}); diff != "" {
					t.Errorf("did, called (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// What an action leaves in its session harms neither its own settling nor what comes next.
func TestActionsThatChangeTheSession(t *testing.T) {
	t.Parallel()
	for name, mark := range marks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			for returns, want := range map[string]outbox.State{"false": outbox.Pending, "true": outbox.Acknowledged} {
				h.action(works(mark + "; return " + returns))
				if went := h.act(h.acting()); went.State != want {
					t.Errorf("%s: it went %+v", returns, went)
				}
			}
			h.exec("update orderbell.endpoint set url = 'http://shop.example'")
			h.clean(t)
		})
	}
}

// An action whose connection is lost has done nothing, and its row is as it was.
func TestAnActionThatLosesItsConnection(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.action(works("perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(5); return true"))
	s := h.acting()
	if _, _, err := h.db.Act(t.Context(), s, "public.act"); err == nil {
		t.Fatal("no error")
	}
	if got := h.standing(s.Claim.ID); got.State != "in_flight" || len(h.did()) != 0 {
		t.Errorf("it stands at %+v, did %v", got, h.did())
	}
	h.settle(result(s.Claim, outbox.OutcomeUnknown))
	h.action(works("return true"))
	claim := h.onlyClaims(h.db, "A1")[0]
	if went := h.act(h.actsOn(claim)); went.State != outbox.Acknowledged {
		t.Errorf("it went %+v", went)
	}
}

// A row that somebody holds is not acted on, and nor is one whose lease was lost.
func TestActionsOfRowsThatAreNotOurs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.action(works("return true"))
	s := h.acting()
	tx := h.begin()
	one[int](t, tx, "select orderbell.cancel('m-1', 'A1')")
	if went, held, err := h.db.Act(t.Context(), s, "public.act"); went.State != "" || !held || err != nil {
		t.Errorf("held: %+v, held %t, %v", went, held, err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.lapse(s.Claim.ID)
	h.settle(result(s.Claim, outbox.OutcomeUnknown))
	if went, held, err := h.db.Act(t.Context(), s, "public.act"); went.State != "" || held || err != nil {
		t.Errorf("lost: %+v, held %t, %v", went, held, err)
	}
	if did := h.did(); len(did) != 0 {
		t.Errorf("did %v", did)
	}
}

// An action that was cancelled before it is called is called all the same, since it is in
// flight: what it comes to decides.
func TestActionsThatWereCancelled(t *testing.T) {
	t.Parallel()
	for returns, want := range map[string]outbox.State{"true": outbox.Acknowledged, "false": outbox.Cancelled} {
		h := newHouse(t)
		h.action(works("return " + returns))
		s := h.acting()
		h.cancel("A1")
		if went := h.act(s); went.State != want {
			t.Errorf("%s: it went %+v", returns, went)
		}
	}
}
