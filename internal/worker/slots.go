package worker

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// ahead is how far claims go ahead of the slots: a claim of many rows costs each of
	// them less, and the slots have no time to be idle.
	ahead = 10 * time.Millisecond
	// most rows that are claimed and wait, for each slot.
	aheadPerSlot = 4
	// gather is how long a claim of few rows waits for more slots.
	gather = 500 * time.Microsecond
)

// slots bounds the requests in flight: each holds one. Claims take a few rows more
// than there are free slots: as many as will be free within 10 ms, by how long slots
// were held that came free since the last claim. With slow endpoints, and with those
// that do not answer, that is none.
type slots struct {
	most int

	mu      sync.Mutex
	taken   int
	waiting int           // rows that were claimed, and have none yet
	freed   int           // since the last claim
	held    time.Duration // by those, altogether
	soon    int           // that will be free within 10 ms
	waiters []*waiter
}

// waiter waits for something to be true of the slots.
type waiter struct {
	ready func() bool // with the lock
	wake  chan struct{}
}

func newSlots(most int) *slots { return &slots{most: most} }

// room is how many rows to claim; 0 where ctx ends before there is any.
func (s *slots) room(ctx context.Context) int {
	s.change(s.measure)
	if !s.await(ctx, nil, func() bool { return s.waiting <= s.soon/2 && s.vacant() > 0 }) {
		return 0
	}
	s.gather(ctx, func() bool { return s.vacant() > s.most/2 })
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.vacant()
}

// measure estimates how many slots will be free soon. If none came free since the
// last claim it is none, however fast they were before.
func (s *slots) measure() {
	each := max(s.held, time.Microsecond) / time.Duration(max(s.freed, 1))
	s.soon = min(int(float64(s.taken)*float64(ahead)/float64(max(each, 1))), aheadPerSlot*s.freed, aheadPerSlot*s.most)
	s.freed, s.held = 0, 0
}

// vacant slots are free, or will be soon, and nobody waits for them.
func (s *slots) vacant() int { return s.most - s.taken + s.soon - s.waiting }

// expect announces rows that were claimed.
func (s *slots) expect(n int) { s.change(func() { s.waiting += n }) }

// abandon says that rows that wait will take no slot.
func (s *slots) abandon(n int) { s.change(func() { s.waiting -= n }) }

// take gives slots to up to n rows that wait, as soon as there are any, or a little
// later to more of them; it returns to how many, and 0 where ctx ends first.
func (s *slots) take(ctx context.Context, n int) int {
	if !s.await(ctx, nil, func() bool { return s.taken < s.most }) {
		return 0
	}
	s.gather(ctx, func() bool { return s.most-s.taken >= min(n, (s.most+1)/2) })
	s.change(func() {
		n = min(n, s.most-s.taken)
		s.taken += n
		s.waiting -= n
	})
	return n
}

// release frees a slot that was held for some time.
func (s *slots) release(held time.Duration) {
	s.change(func() {
		s.taken--
		s.freed++
		s.held += held
	})
}

// giveBack frees slots that were not used.
func (s *slots) giveBack(n int) { s.change(func() { s.taken -= n }) }

// change changes the numbers, and wakes those who have waited for it.
func (s *slots) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	s.waiters = slices.DeleteFunc(s.waiters, func(w *waiter) bool {
		if !w.ready() {
			return false
		}
		close(w.wake)
		return true
	})
}

// gather waits for a moment until enough is true.
func (s *slots) gather(ctx context.Context, enough func() bool) {
	timer := time.NewTimer(gather)
	defer timer.Stop()
	s.await(ctx, timer.C, enough)
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
