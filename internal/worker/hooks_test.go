package worker

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

func testHooks(store *solo) *hooks {
	log := slog.New(slog.DiscardHandler)
	return newHooks(store, newTurns(), newReporter(log), &faults{log: log})
}

// Hooks that are due are called, a few at a time, by the policies of their rows.
func TestHooksAreCalledAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		quick := &outbox.Policy{Name: "quick"}
		store := &solo{owed: make([]outbox.Owed, 9), call: func(context.Context, outbox.Owed) error { time.Sleep(time.Second); return nil }}
		for i := range store.owed {
			store.owed[i] = outbox.Owed{ID: outbox.ID{byte(i)}, Policy: []string{"quick", "gone"}[i%2]}
		}
		h := testHooks(store)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go h.run(ctx)
		for range 3 { // looks that are made meanwhile say so once more
			h.call(map[string]*outbox.Policy{"quick": quick})
		}
		synctest.Wait()
		store.mu.Lock()
		store.owed = nil
		store.mu.Unlock()
		time.Sleep(10 * time.Second)
		store.mu.Lock()
		defer store.mu.Unlock()
		counts := map[*outbox.Policy]int{}
		for _, policy := range store.called {
			counts[policy]++
		}
		if diff := counts[quick] != 5 || counts[nil] != 4; diff || store.most != callsOfOne {
			t.Errorf("called %v, %d at once", counts, store.most)
		}
	})
}

// One that cannot be called holds up no other, and none is called in a loop without a
// pause.
func TestHooksThatCannotBeCalled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		store := &solo{owed: []outbox.Owed{{ID: outbox.ID{1}}, {ID: outbox.ID{2}}}}
		store.call = func(_ context.Context, owed outbox.Owed) error {
			if owed.ID == (outbox.ID{1}) {
				store.mu.Lock()
				defer store.mu.Unlock()
				calls++
				return errAway
			}
			return nil
		}
		h := testHooks(store)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go h.run(ctx)
		for range 1000 { // every look says that it is due
			h.call(nil)
			time.Sleep(10 * time.Millisecond)
		}
		store.mu.Lock()
		defer store.mu.Unlock()
		if len(store.called) == 0 || calls > 200 {
			t.Errorf("the other was called %d times, this one %d", len(store.called), calls)
		}
	})
}
