package worker

import (
	"context"
	"sync"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	// settleBatch is the most results in one statement.
	settleBatch = 500
	// gatherResults follows a batch of several: they come quickly, and a larger batch
	// costs each of them less.
	gatherResults = 5 * time.Millisecond
	// heldPause follows a batch whose rows somebody's open transaction holds.
	heldPause = 50 * time.Millisecond
)

// settler writes results: whatever is ready, in one statement, while the next
// batch gathers. A result that comes alone is written at once.
type settler struct {
	store    Settles
	leases   *leases
	reporter *reporter
	faults   *faults

	mu     sync.Mutex
	ready  []*outbox.Settlement
	away   bool // the database did not take the last batch
	closed bool
	more   chan struct{} // ready or closed was changed
}

func newSettler(store Settles, leases *leases, reporter *reporter, faults *faults) *settler {
	return &settler{store: store, leases: leases, reporter: reporter, faults: faults, more: make(chan struct{}, 1)}
}

// settle hands over a result.
func (s *settler) settle(settlement *outbox.Settlement) { s.put([]*outbox.Settlement{settlement}) }

func (s *settler) put(settlements []*outbox.Settlement) {
	s.mu.Lock()
	s.ready = append(s.ready, settlements...)
	s.mu.Unlock()
	s.wake()
}

// close lets run return once everything is settled.
func (s *settler) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wake()
}

func (s *settler) wake() { signal(s.more) }

// waiting is how many results are not settled yet, the batch being written left out.
func (s *settler) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ready)
}

// behind tells that results wait for a database that is away, or is just back.
func (s *settler) behind() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.away
}

// saw notes whether the database took a batch. It is back when nothing waits any more.
// A batch that it refuses for what is in it does not count: nothing else needs to wait
// for that.
func (s *settler) saw(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.away = s.away && len(s.ready) > 0
	} else {
		s.away = isAway(err)
	}
}

// crowded tells that results pile up: the database is slow, or away.
func (s *settler) crowded(slots int) bool { return s.waiting() > max(2*slots, settleBatch) }

// take returns up to most results, no id among them twice.
func (s *settler) take(most int) (batch []*outbox.Settlement, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := make(map[outbox.ID]bool, min(most, len(s.ready)))
	var rest []*outbox.Settlement
	for _, settlement := range s.ready {
		if len(batch) < most && !seen[settlement.Claim.ID] {
			seen[settlement.Claim.ID] = true
			batch = append(batch, settlement)
		} else {
			rest = append(rest, settlement)
		}
	}
	s.ready = rest
	return batch, s.closed
}

// run settles until it is closed and nothing is left, or ctx ends.
func (s *settler) run(ctx context.Context) {
	most := settleBatch
	for {
		batch, closed := s.take(most)
		if len(batch) == 0 {
			if closed || !s.waitForMore(ctx) {
				return
			}
			continue
		}
		moved, held, err := s.store.Settle(ctx, batch)
		if ctx.Err() != nil {
			s.put(batch)
			return
		}
		s.saw(err)
		pause := time.Duration(0)
		switch {
		case s.faults.meet("settle", err):
			// Smaller batches find the one that cannot be written, if it is that; at
			// the end of the queue it holds up nobody.
			most = max(1, len(batch)/2)
			held, pause = batch, s.faults.pause()
		case len(held) == len(batch):
			pause = heldPause
		default:
			most = settleBatch
			if 1 < len(batch) && len(batch) < settleBatch {
				pause = gatherResults
			}
		}
		if err == nil {
			s.settled(batch, moved, held)
		}
		s.put(held)
		sleep(ctx, pause)
	}
}

func (s *settler) waitForMore(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-s.more:
		return true
	}
}

// settled lets go of the leases and reports, except for rows that are held.
func (s *settler) settled(batch []*outbox.Settlement, moved []outbox.Settled, held []*outbox.Settlement) {
	again := make(map[*outbox.Settlement]bool, len(held))
	for _, settlement := range held {
		again[settlement] = true
	}
	went := make(map[outbox.ID]outbox.Settled, len(moved))
	for _, m := range moved {
		went[m.ID] = m
	}
	for _, settlement := range batch {
		if again[settlement] {
			continue
		}
		s.leases.drop(settlement.Claim)
		if m, ok := went[settlement.Claim.ID]; ok {
			s.reporter.settled(settlement, m)
		} else {
			s.reporter.gone(settlement)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
