package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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

func (s *solo) Owed(context.Context) ([]outbox.Owed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owed, s.owedErr
}

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
	return newAlone(store, newTurns(), newLeases(&book{}, noLimits(), time.Second, faults), newReporter(log), faults)
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
		if len(store.settled) != 10 || store.most != callsOfOne || a.leases.count() != 0 {
			t.Errorf("settled %d, %d at once; %d leases are left", len(store.settled), store.most, a.leases.count())
		}
		if took := time.Since(began); took != 9*time.Second { // two at first, then one by one
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
