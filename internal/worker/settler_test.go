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

// book is a database of results that can be made to fail.
type book struct {
	mu      sync.Mutex
	batches [][]*outbox.Settlement
	settle  func(batch []*outbox.Settlement) (held []*outbox.Settlement, err error)
}

func (b *book) Settle(_ context.Context, batch []*outbox.Settlement) (moved []outbox.Settled, held []*outbox.Settlement, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.settle != nil {
		held, err = b.settle(batch)
	}
	if err != nil {
		return nil, nil, err
	}
	b.batches = append(b.batches, batch)
	skip := map[*outbox.Settlement]bool{}
	for _, h := range held {
		skip[h] = true
	}
	for _, s := range batch {
		if !skip[s] {
			moved = append(moved, outbox.Settled{ID: s.Claim.ID, State: s.Verdict.State})
		}
	}
	return moved, held, nil
}

func (b *book) Renew(context.Context, []*outbox.Claim) ([]outbox.ID, error) { return nil, nil }

func testSettler(b *book) *settler {
	log := slog.New(slog.DiscardHandler)
	faults := &faults{log: log}
	return newSettler(b, newLeases(b, noLimits(), time.Second, faults), newReporter(log), faults)
}

func result(id byte, attempt int) *outbox.Settlement {
	return &outbox.Settlement{
		Claim:   &outbox.Claim{ID: outbox.ID{id}, Attempt: attempt},
		Result:  outbox.Result{Outcome: outbox.OutcomeAcknowledged},
		Verdict: outbox.Verdict{State: outbox.Acknowledged},
	}
}

func TestSettlerWritesWhatIsReadyTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		s := testSettler(b)
		for id := range byte(10) {
			s.leases.hold(result(id, 1).Claim, time.Now())
			s.settle(result(id, 1))
		}
		s.settle(result(3, 2)) // the same row again: not in the same batch
		s.close()
		s.run(t.Context())
		if len(b.batches) != 2 || len(b.batches[0]) != 10 || len(b.batches[1]) != 1 {
			t.Errorf("%d batches, wanted one of ten and one of one", len(b.batches))
		}
		if n := s.leases.count(); n != 0 {
			t.Errorf("%d leases are still held", n)
		}
	})
}

func TestSettlerGoesOnThroughAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		back := time.Now().Add(time.Minute)
		b := &book{}
		b.settle = func([]*outbox.Settlement) ([]*outbox.Settlement, error) {
			if time.Now().Before(back) {
				return nil, errors.New("the database is away")
			}
			return nil, nil
		}
		s := testSettler(b)
		for id := range byte(20) {
			s.settle(result(id, 1))
		}
		s.close()
		s.run(t.Context())
		settled := 0
		for _, batch := range b.batches {
			settled += len(batch)
		}
		if settled != 20 {
			t.Errorf("%d results were settled, wanted 20", settled)
		}
		if late := time.Since(back); late > longestWait {
			t.Errorf("settled %v after the database was back", late)
		}
	})
}

// One result that cannot be written holds up no other.
func TestOneBadResultHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		b.settle = func(batch []*outbox.Settlement) ([]*outbox.Settlement, error) {
			for _, s := range batch {
				if s.Claim.ID == (outbox.ID{7}) {
					return nil, errors.New("cannot be written")
				}
			}
			return nil, nil
		}
		s := testSettler(b)
		for id := range byte(100) {
			s.settle(result(id, 1))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s.run(ctx)
		settled := 0
		for _, batch := range b.batches {
			settled += len(batch)
		}
		if settled != 99 || s.waiting() != 1 {
			t.Errorf("%d settled and %d waiting, wanted 99 and 1", settled, s.waiting())
		}
	})
}

func TestHeldRowsAreSettledAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		free := time.Now().Add(time.Second)
		b := &book{}
		b.settle = func(batch []*outbox.Settlement) (held []*outbox.Settlement, err error) {
			for _, s := range batch {
				if s.Claim.ID == (outbox.ID{1}) && time.Now().Before(free) {
					held = append(held, s)
				}
			}
			return held, nil
		}
		s := testSettler(b)
		s.leases.hold(result(1, 1).Claim, time.Now())
		s.settle(result(1, 1))
		s.settle(result(2, 1))
		s.close()
		s.run(t.Context())
		if s.waiting() != 0 || s.leases.count() != 0 {
			t.Errorf("%d waiting, %d leases held", s.waiting(), s.leases.count())
		}
		if late := time.Since(free); late > 2*heldPause {
			t.Errorf("settled %v after the row was free", late)
		}
	})
}
