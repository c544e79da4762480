package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

// solo is a database of rows that are settled alone.
type solo struct {
	mu      sync.Mutex
	settled []*outbox.Settlement
	acted   []string
	busy    int // at this moment
	most    int
	settle  func(ctx context.Context, s *outbox.Settlement) (held bool, err error)
	act     func(s *outbox.Settlement) (held bool, err error)

	owed    []outbox.Owed
	owedErr error
	called  []*outbox.Policy
	call    func(ctx context.Context, owed outbox.Owed) error
}

func (s *solo) enter(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy += n
	s.most = max(s.most, s.busy)
}

func (s *solo) SettleAlone(ctx context.Context, settlement *outbox.Settlement) (outbox.Settled, bool, error) {
	s.enter(1)
	defer s.enter(-1)
	if s.settle != nil {
		if held, err := s.settle(ctx, settlement); held || err != nil {
			return outbox.Settled{}, held, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled = append(s.settled, settlement)
	return outbox.Settled{ID: settlement.Claim.ID, State: settlement.Verdict.State}, false, nil
}

func (s *solo) Act(_ context.Context, settlement *outbox.Settlement, action string) (outbox.Settled, bool, error) {
	if s.act != nil {
		if held, err := s.act(settlement); held || err != nil {
			return outbox.Settled{}, held, err
		}
	}
	s.acted = append(s.acted, action)
	settlement.Result = outbox.Result{Outcome: outbox.OutcomeAcknowledged}
	return outbox.Settled{ID: settlement.Claim.ID, State: outbox.Acknowledged}, false, nil
}

func (s *solo) Owed(context.Context) ([]outbox.Owed, error) { return s.owed, s.owedErr }

func (s *solo) CallOwed(ctx context.Context, owed outbox.Owed, policy *outbox.Policy) (outbox.Settled, error) {
	s.enter(1)
	defer s.enter(-1)
	if s.call != nil {
		if err := s.call(ctx, owed); err != nil {
			return outbox.Settled{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.called = append(s.called, policy)
	return outbox.Settled{ID: owed.ID, State: outbox.Acknowledged}, nil
}

func testAlone(store *solo) *alone {
	log := slog.New(slog.DiscardHandler)
	faults := &faults{log: log}
	return newAlone(store, newLeases(&book{}, noLimits(), time.Second, faults), newReporter(log), faults)
}

// runs runs until what it settles is settled, and it was closed.
func runs(ctx context.Context, a *alone) (ended <-chan struct{}) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.run(ctx)
	}()
	return done
}

// A few are settled at a time, all of them before it ends, and their leases are let go.
func TestAloneSettlesAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &solo{settle: func(context.Context, *outbox.Settlement) (bool, error) {
			time.Sleep(time.Second)
			return false, nil
		}}
		a := testAlone(store)
		ended := runs(t.Context(), a)
		began := time.Now()
		for id := range byte(10) {
			s := result(id, 1)
			a.leases.hold(s.Claim, time.Now())
			a.settle(s)
		}
		a.close()
		<-ended
		if len(store.settled) != 10 || store.most != aloneAtOnce || a.leases.count() != 0 {
			t.Errorf("settled %d, %d at once; %d leases are left", len(store.settled), store.most, a.leases.count())
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// What could not be settled is settled again: what somebody holds, and what failed.
func TestAloneSettlesAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		held bool
		err  error
	}{"held": {held: true}, "failed": {err: errAway}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				store := &solo{settle: func(context.Context, *outbox.Settlement) (bool, error) {
					if tries++; tries < 4 {
						return test.held, test.err
					}
					return false, nil
				}}
				a := testAlone(store)
				ended := runs(t.Context(), a)
				s := result(1, 1)
				a.leases.hold(s.Claim, time.Now())
				began := time.Now()
				a.settle(s)
				synctest.Wait()
				if a.leases.count() != 1 {
					t.Error("its lease was let go")
				}
				a.close()
				<-ended
				if tries != 4 || len(store.settled) != 1 {
					t.Errorf("%d tries, %d settled", tries, len(store.settled))
				}
				if time.Since(began) == 0 {
					t.Error("it never paused")
				}
			})
		})
	}
}

// A worker that must stop while the database is away stops, and keeps what it could not
// settle in its count.
func TestAloneStopsWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := testAlone(&solo{settle: func(ctx context.Context, _ *outbox.Settlement) (bool, error) {
			return false, errors.Join(errAway, ctx.Err())
		}})
		ctx, end := context.WithCancel(t.Context())
		ended := runs(ctx, a)
		for id := range byte(7) {
			a.settle(result(id, 1))
		}
		time.Sleep(time.Second)
		a.close()
		end()
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Fatal("it does not stop")
		}
		if n := a.waiting(); n != 7 {
			t.Errorf("%d wait", n)
		}
	})
}

// It ends with its context also where nothing was to be settled.
func TestAloneStopsWithNothingToDo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		ended := runs(ctx, testAlone(&solo{}))
		synctest.Wait()
		end()
		<-ended
	})
}

// While many wait to be settled, nothing more is claimed.
func TestAloneIsCrowded(t *testing.T) {
	t.Parallel()
	a := testAlone(&solo{})
	for range aloneMost {
		a.settle(result(1, 1))
	}
	if a.crowded() {
		t.Error("it is crowded too soon")
	}
	a.settle(result(1, 1))
	if !a.crowded() {
		t.Error("it is never crowded")
	}
}

// Rows with a hook are settled alone, the others together.
func TestWhoSettles(t *testing.T) {
	t.Parallel()
	w := testWorker(&eyes{}, slog.New(slog.DiscardHandler))
	hooked := result(1, 1)
	hooked.Claim.Alone = true
	w.settle(hooked)
	w.settle(result(2, 1))
	if w.alone.waiting() != 1 || w.settler.waiting() != 1 {
		t.Errorf("%d are settled alone, %d together", w.alone.waiting(), w.settler.waiting())
	}
}

func acting(store *solo, log *slog.Logger) (*Worker, errand) {
	w := testWorker(&eyes{}, log)
	w.Alone = store
	w.alone = newAlone(store, w.leases, newReporter(log), w.faults)
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

func testHooks(store *solo) *hooks {
	log := slog.New(slog.DiscardHandler)
	return newHooks(store, newReporter(log), &faults{log: log})
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
		store.owed = store.owed[:0]
		store.mu.Unlock()
		time.Sleep(4 * time.Second)
		counts := map[*outbox.Policy]int{}
		for _, policy := range store.called {
			counts[policy]++
		}
		if diff := counts[quick] != 5 || counts[nil] != 4; diff || store.most != aloneAtOnce {
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
