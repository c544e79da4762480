package worker

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// slowPerPrompt is how many slow slots there are for each prompt one. They cost memory
	// alone: most of what is in them waits.
	slowPerPrompt = 4
)

// slots bounds the requests in flight: each holds one. A request begins in a prompt slot;
// one that takes long moves to a slow slot and frees it, and an endpoint that is known
// to be slow starts there: what hangs holds up only what hangs too. Claims for prompt
// slots take a few rows more than there are free ones: as many as will be free within
// 10 ms, by how long slots were held that came free since the last claim. With endpoints
// that do not answer that is none.
type slots struct {
	most int // prompt ones

	mu      sync.Mutex
	taken   int           // prompt ones
	slow    int           // slow ones
	waiting int           // rows that were claimed, and have no slot yet
	freed   int           // since the last claim
	held    time.Duration // by those, altogether
	soon    int           // that will be free within 10 ms
	waiters []*waiter

	shares   map[string]*share
	flights  list.List // of *flight, the oldest first
	watching bool      // somebody will look for flights that take long
	hungry   [2]string // endpoints that wait to be claimed for, for want of a prompt slot
	// ended are the endpoints of lanes that were full, and are no more; wantsSlow: lanes
	// wait for a slow slot. Both signal more.
	ended     []string
	wantsSlow bool
	more      chan struct{}
}

// waiter waits for something to be true of the slots.
type waiter struct {
	ready func() bool // with the lock
	wake  chan struct{}
}

func newSlots(most int) *slots {
	return &slots{most: most, shares: make(map[string]*share), more: make(chan struct{}, 1)}
}

// expect announces rows that were claimed. Those for slow slots hold them already.
func (s *slots) expect(batch []errand) {
	s.change(func() {
		for _, e := range batch {
			one := s.of(e.claim.Endpoint)
			if e.slow {
				one.flying++
				continue
			}
			s.waiting++
			one.waiting++
		}
	})
}

// abandon says that rows that wait will take no slot.
func (s *slots) abandon(batch []errand) {
	s.change(func() {
		for _, e := range batch {
			one := s.of(e.claim.Endpoint)
			s.waiting--
			one.waiting--
			s.over(one)
		}
	})
}

// take gives prompt slots to the first of the rows that wait, as soon as there are any,
// or a little later to more of them; it returns to how many, and 0 where ctx ends first.
func (s *slots) take(ctx context.Context, batch []errand) (n int) {
	if !s.await(ctx, nil, func() bool { return s.taken < s.most }) {
		return 0
	}
	s.gather(ctx, func() bool { return s.most-s.taken >= min(len(batch), (s.most+1)/2) })
	s.change(func() {
		n = min(len(batch), s.most-s.taken)
		s.taken += n
		s.waiting -= n
		for _, e := range batch[:n] {
			one := s.of(e.claim.Endpoint)
			one.waiting--
			one.flying++
		}
	})
	return n
}

// giveBack frees a slot that was not used.
func (s *slots) giveBack(e errand) {
	s.change(func() { s.release(s.of(e.claim.Endpoint), e.slow) })
}

// release frees a prompt slot or a slow one of an endpoint.
func (s *slots) release(of *share, slow bool) {
	of.flying--
	if slow {
		s.slow--
		of.slow--
	} else {
		s.taken--
	}
	s.over(of)
}

// change changes the numbers, and wakes those who have waited for it.
func (s *slots) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	if s.wantsSlow && s.beginSlow() > 0 {
		s.wantsSlow = false
		signal(s.more)
	}
	s.waiters = slices.DeleteFunc(s.waiters, func(w *waiter) bool {
		if !w.ready() {
			return false
		}
		close(w.wake)
		return true
	})
}

// await waits until ready is true; false where ctx ends or the time is over first.
func (s *slots) await(ctx context.Context, over <-chan time.Time, ready func() bool) bool {
	s.mu.Lock()
	if ready() {
		s.mu.Unlock()
		return true
	}
	w := &waiter{ready: ready, wake: make(chan struct{})}
	s.waiters = append(s.waiters, w)
	s.mu.Unlock()
	select {
	case <-w.wake:
		return true
	case <-over:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiters = slices.DeleteFunc(s.waiters, func(one *waiter) bool { return one == w })
	return false
}
