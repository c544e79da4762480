package worker

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

// acting is a worker that has claimed a row for an action.
func acting(store *solo, log *slog.Logger) (*Worker, errand) {
	w := testWorker(&eyes{}, log)
	w.Alone = store
	w.alone = newAlone(store, w.turns, w.leases, newReporter(log), w.faults)
	claim := &outbox.Claim{ID: outbox.ID{1}, Attempt: 1, Endpoint: "m-1", Policy: &outbox.Policy{Ladder: outbox.Ladder{time.Second}}}
	w.leases.hold(claim, time.Now())
	return w, errand{claim: claim, endpoint: &outbox.Endpoint{ID: "m-1", Action: "shop.close", BatchSize: 0}}
}

// An action is called by the name that its endpoint gives, and settled with the call.
func TestActionsAreCalled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		store := &solo{act: func(*outbox.Settlement) (bool, error) { tries++; return tries < 3, nil }}
		w, e := acting(store, slog.New(slog.DiscardHandler))
		if got := w.carry(t.Context(), e); got.Outcome != outbox.OutcomeAcknowledged {
			t.Errorf("it came to %+v", got)
		}
		if diff := cmp.Diff([]string{"shop.close"}, store.acted); diff != "" || tries != 3 {
			t.Errorf("%d tries (-want +got):\n%s", tries, diff)
		}
		if w.leases.count() != 0 || w.settler.waiting() != 0 || w.alone.waiting() != 0 {
			t.Error("something is left to be settled")
		}
	})
}

// A row that somebody holds for longer than the lease is given up: it is another's then.
func TestAnActionIsGivenUpWithItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, e := acting(&solo{act: func(*outbox.Settlement) (bool, error) { return true, nil }}, slog.New(slog.DiscardHandler))
		began := time.Now()
		w.carry(t.Context(), e)
		if took := time.Since(began); took < w.Lease || took > w.Lease+time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// After an error nobody knows whether the function was called: that is recorded, and it is
// never called again for this attempt. A stop is told apart.
func TestAnActionThatBreaks(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]outbox.Outcome{"away": outbox.OutcomeUnknown, "stopping": outbox.OutcomeInterrupted} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				w, e := acting(&solo{act: func(*outbox.Settlement) (bool, error) { calls++; return false, errAway }}, slog.New(slog.DiscardHandler))
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				if name == "stopping" {
					stop()
				}
				if got := w.carry(ctx, e); got.Outcome != want || calls != 1 {
					t.Errorf("it came to %+v after %d calls", got, calls)
				}
				settled, _ := w.settler.take(9)
				if len(settled) != 1 || settled[0].Result.Outcome != want || settled[0].Verdict.State != outbox.Pending {
					t.Errorf("settled %+v", settled)
				}
			})
		})
	}
}
