package worker

import (
	"context"
	"sync"
	"time"
)

// gatherSlots is how long a claim waits for more than a few free slots: a claim of
// many rows costs each of them less.
const gatherSlots = 500 * time.Microsecond

// slots bounds the requests in flight: each holds one. One goroutine acquires.
type slots struct {
	mu     sync.Mutex
	most   int
	taken  int
	wanted int           // free ones that whoever acquires waits for; 0: nobody waits
	freed  chan struct{} // as many as are wanted are free
}

func newSlots(most int) *slots { return &slots{most: most, freed: make(chan struct{}, 1)} }

// acquire takes all free slots, once there is one. If fewer than half are free it
// waits for a moment first, for more. It returns 0 when ctx ends.
func (s *slots) acquire(ctx context.Context) int {
	if !s.await(ctx, 1, nil) {
		return 0
	}
	if half := (s.most + 1) / 2; s.free() < half {
		timer := time.NewTimer(gatherSlots)
		s.await(ctx, half, timer.C)
		timer.Stop()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = 0
	n := s.most - s.taken
	s.taken = s.most
	return n
}

// await waits until n slots are free; false where ctx ends or the time is over first.
func (s *slots) await(ctx context.Context, n int, over <-chan time.Time) bool {
	for {
		s.mu.Lock()
		enough := s.most-s.taken >= n
		s.wanted = n
		s.mu.Unlock()
		if enough {
			return true
		}
		select {
		case <-s.freed:
		case <-over:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

func (s *slots) free() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most - s.taken
}

func (s *slots) release(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken -= n
	if s.wanted > 0 && s.most-s.taken >= s.wanted {
		s.wanted = 0
		signal(s.freed)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
