package postgres_test

import (
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// The payment that arrives while its question's hook, or its close, is under way: both
// want the order's row, and the payment cancels what is in flight. Neither may be the
// victim of a deadlock: an order's transaction is never aborted.
func TestCancelWhileAFunctionWaitsForTheOrder(t *testing.T) {
	t.Parallel()
	const wants = "perform from public.orders where no = 'A1' for update"
	for name, start := range map[string]func(h *house) func(){
		"an action": func(h *house) func() {
			h.action(works(wants + "; return true"))
			s := h.acting()
			s.Claim.Policy.Timeout = 20 * time.Second
			return func() { _, _, _ = h.db.Act(h.t.Context(), s, "public.act") }
		},
		"a hook": func(h *house) func() {
			h.hook("ship", "begin "+wants+"; end")
			claim := h.hooked("ship", "")
			claim.Policy.Timeout = 20 * time.Second
			return func() { _, _, _ = h.db.SettleAlone(h.t.Context(), came(claim, outbox.OutcomeAcknowledged)) }
		},
		"an owed hook": func(h *house) func() {
			h.hook("ship", failures["raises"].body)
			claim := h.hooked("ship", "")
			h.alone(came(claim, outbox.OutcomeAcknowledged))
			h.hook("ship", "begin "+wants+"; end")
			h.move(claim.ID, "next_attempt_at = now()")
			return func() {
				_, _ = h.db.CallOwed(h.t.Context(), outbox.Owed{ID: claim.ID}, &outbox.Policy{Timeout: 20 * time.Second})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.exec("create table public.orders (no text primary key, paid boolean not null default false); insert into public.orders values ('A1')")
			call := start(h)
			payment := h.begin()
			if _, err := payment.Exec(t.Context(), "update public.orders set paid = true where no = 'A1'"); err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				call()
			}()
			h.somebodyWaits()
			_, err := payment.Exec(t.Context(), "set local deadlock_timeout = '10 ms'; select orderbell.cancel('m-1', 'A1')")
			if err == nil {
				err = payment.Commit(t.Context())
			} else {
				_ = payment.Rollback(t.Context())
			}
			<-done
			if err != nil {
				t.Errorf("the payment was aborted: %v", err)
			}
		})
	}
}

// A row that is cancelled while its hook is under way, and so ends otherwise, takes back
// what the hook did, and calls none.
func TestCancelledWhileItsHookIsCalled(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.notes("ship")
	gate := h.begin()
	one[any](t, gate, "select pg_advisory_xact_lock(77)::text")
	h.hook("alarm", "begin insert into public.called values ('alarm', order_no, answer); perform pg_advisory_xact_lock(77); end")
	claim := h.hooked("ship", "alarm")
	claim.Policy.Timeout = time.Minute
	s := last(claim)
	type settled struct {
		went outbox.Settled
		held bool
		err  error
	}
	first := make(chan settled, 1)
	go func() {
		went, held, err := h.db.SettleAlone(t.Context(), s)
		first <- settled{went, held, err}
	}()
	h.somebodyWaits()
	h.cancel("A1")
	if err := gate.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-first; got.err != nil || !got.held || got.went.State != "" {
		t.Errorf("it came to %+v", got)
	}
	if went := h.alone(s); went.State != outbox.Cancelled {
		t.Errorf("then it went %+v", went)
	}
	if got := h.called(); len(got) != 0 {
		t.Errorf("called %v", got)
	}
}
