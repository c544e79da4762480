package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// marks are what a function may leave behind in its session.
var marks = map[string]string{
	"a role":              "perform set_config('role', 'orderbell_reader', false)",
	"a role, for now":     "perform set_config('role', 'orderbell_reader', true)",
	"a search_path":       "create schema if not exists evil; perform set_config('search_path', 'evil', false)",
	"a temporary table":   "create temporary table delivery (n int); create temporary table hook (n int)",
	"an advisory lock":    "perform pg_advisory_lock(4711)",
	"a time limit":        "perform set_config('statement_timeout', '1', false)",
	"another time zone":   "perform set_config('TimeZone', 'Asia/Kathmandu', false)",
	"only reading":        "perform set_config('default_transaction_read_only', 'on', false)",
	"only reading now":    "perform set_config('transaction_read_only', 'on', true)",
	"triggers off":        "perform set_config('session_replication_role', 'replica', false)",
	"another isolation":   "perform set_config('default_transaction_isolation', 'serializable', false)",
	"a channel":           "execute 'listen nonsense'",
	"a prepared one":      "execute 'prepare p as select 1'",
	"a cursor":            "execute 'declare c cursor with hold for select 1'",
	"standard_conforming": "perform set_config('standard_conforming_strings', 'off', false)",
}

// clean fails the test unless nothing is left of a mark in any of the sessions that call
// functions, and what is settled next by each is settled.
func (h *house) clean(t *testing.T) {
	t.Helper()
	h.notes("ship")
	pgtest.Eventually(t, soon, "the advisory lock to be free", func() error {
		tx := h.begin()
		defer func() { _ = tx.Rollback(t.Context()) }()
		if !one[bool](t, tx, "select pg_try_advisory_xact_lock(4711)") {
			return errors.New("somebody has it")
		}
		return nil
	})
	for i := range 6 {
		claim := h.hooked("ship", "")
		if went := h.alone(came(claim, outbox.OutcomeAcknowledged)); went.State != outbox.Acknowledged {
			t.Fatalf("row %d went %+v", i, went)
		}
	}
	if n := len(h.called()); n != 6 {
		t.Errorf("%d hooks were called, want 6", n)
	}
}

// Whatever a hook does to its session harms nobody: not its own row, nor what comes next.
func TestHooksThatChangeTheSession(t *testing.T) {
	t.Parallel()
	for name, mark := range marks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.hook("ship", "begin "+mark+"; end")
			claim := h.hooked("ship", "")
			if went := h.alone(came(claim, outbox.OutcomeAcknowledged)); went.State != outbox.Acknowledged {
				t.Errorf("it went %+v", went)
			}
			h.clean(t)
		})
	}
}

// A hook that is called again ends its row, whatever it leaves behind.
func TestHooksThatChangeTheSessionWhenTheyAreOwed(t *testing.T) {
	t.Parallel()
	for name, mark := range marks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.hook("ship", failures["raises"].body)
			claim := h.hooked("ship", "")
			h.alone(came(claim, outbox.OutcomeAcknowledged))
			h.hook("ship", "begin "+mark+"; end")
			h.move(claim.ID, "next_attempt_at = now()")
			went, err := h.db.CallOwed(t.Context(), outbox.Owed{ID: claim.ID}, hookPolicy())
			if err != nil || went.State != outbox.Acknowledged {
				t.Errorf("it went %+v, %v; %s", went, err, h.explanation(claim.ID))
			}
			h.clean(t)
		})
	}
}

const killsItself = "begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(5); end"

// A hook whose connection is lost was perhaps not its fault; but it may be: so it is called
// again at the next rung, and what was settled is not lost.
func TestAHookThatLosesItsConnection(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.hook("ship", killsItself)
	claim := h.hooked("ship", "")
	s := came(claim, outbox.OutcomeAcknowledged)
	if _, _, err := h.db.SettleAlone(t.Context(), s); err == nil {
		t.Fatal("no error")
	}
	if got := h.standing(claim.ID); got.State != "in_flight" {
		t.Errorf("it stands at %+v", got)
	}
	if went := h.alone(s); went.State != outbox.Pending || went.HookFault == "" {
		t.Errorf("it went %+v", went)
	}
	h.explains(claim.ID, "hook ship has failed 1 times: it was being called when the connection was lost")
	h.triedAgainIn(claim.ID, 15*time.Second)
	for i := range 2 {
		h.move(claim.ID, "next_attempt_at = now()")
		_, _ = h.db.CallOwed(t.Context(), outbox.Owed{ID: claim.ID}, hookPolicy())
		h.explains(claim.ID, fmt.Sprintf("hook ship has failed %d times: it was being called when the connection was lost", i+2))
		h.triedAgainIn(claim.ID, 3*time.Minute)
	}
	h.notes("ship")
	if went := h.callOwed(claim.ID); went.State != outbox.Acknowledged {
		t.Errorf("at last it went %+v", went)
	}
	if diff := cmp.Diff([]string{"ship A1 yes"}, h.called()); diff != "" {
		t.Errorf("called (-want +got):\n%s", diff)
	}
	if got := h.standing(claim.ID); got.Outcomes != "1 acknowledged" {
		t.Errorf("it stands at %+v", got)
	}
}

// A worker that stops while it calls a hook does not count it as failed: the next one calls
// it at once.
func TestAHookThatIsCutByAStop(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.hook("ship", failures["raises"].body)
	claim := h.hooked("ship", "")
	h.alone(came(claim, outbox.OutcomeAcknowledged))
	lock := h.begin()
	one[any](t, lock, "select pg_advisory_xact_lock(77)::text")
	h.hook("ship", failures["waits for a lock"].body)
	h.move(claim.ID, "next_attempt_at = now()")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() {
		_, err := h.db.CallOwed(ctx, outbox.Owed{ID: claim.ID}, &outbox.Policy{Ladder: hookPolicy().Ladder, Timeout: time.Minute})
		done <- err
	}()
	h.somebodyWaits()
	stop()
	if err := <-done; err == nil {
		t.Error("no error")
	}
	if in := h.dueIn(claim.ID); in > 0 {
		t.Errorf("it is tried again in %v, wanted at once", in)
	}
	h.explains(claim.ID, "hook ship has failed 1 times: out of stock")
}

// Two workers call a hook that is owed once between them.
func TestAnOwedHookIsCalledByOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.hook("ship", failures["raises"].body)
	claim := h.hooked("ship", "")
	h.alone(came(claim, outbox.OutcomeAcknowledged))
	lock := h.begin()
	one[any](t, lock, "select pg_advisory_xact_lock(77)::text")
	h.hook("ship", "begin perform pg_advisory_xact_lock(77); insert into public.called values ('ship', order_no, answer); end")
	h.move(claim.ID, "next_attempt_at = now()")
	first := make(chan outbox.Settled, 1)
	go func() {
		went, _ := h.db.CallOwed(t.Context(), outbox.Owed{ID: claim.ID}, &outbox.Policy{Timeout: time.Minute})
		first <- went
	}()
	h.somebodyWaits()
	went, err := h.worker("w-2").CallOwed(t.Context(), outbox.Owed{ID: claim.ID}, hookPolicy())
	if err != nil || went.State != "" {
		t.Errorf("the second: %+v, %v", went, err)
	}
	if err := lock.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if went := <-first; went.State != outbox.Acknowledged {
		t.Errorf("the first: %+v", went)
	}
	if diff := cmp.Diff([]string{"ship A1 yes"}, h.called()); diff != "" {
		t.Errorf("called (-want +got):\n%s", diff)
	}
	// What is paid, cancelled or not due is left alone.
	if went, err := h.db.CallOwed(t.Context(), outbox.Owed{ID: claim.ID}, hookPolicy()); err != nil || went.State != "" {
		t.Errorf("once more: %+v, %v", went, err)
	}
}

// A hook after which its row cannot be ended counts as failed: it is not called for ever.
func TestAHookThatKeepsItsRowFromEnding(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.hook("ship", failures["raises"].body)
	claim := h.hooked("ship", "")
	h.alone(came(claim, outbox.OutcomeAcknowledged))
	h.hook("ship", "begin delete from orderbell.owed; insert into orderbell.finished (notification_id, round, state, attempt_count) select notification_id, 0, 'acknowledged', 1 from orderbell.delivery; insert into orderbell.owed select notification_id, 'acknowledged', null, 'ship' from orderbell.delivery; end")
	if went := h.callOwed(claim.ID); went.State != outbox.Pending || went.HookFault == "" {
		t.Errorf("it went %+v", went)
	}
	h.explains(claim.ID, "the row could not be ended after it: duplicate key value")
	h.triedAgainIn(claim.ID, 3*time.Minute)
}
