package worker

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// callsAtOnce is how many functions of the business a worker calls at the same time:
	// each has a connection of its own.
	callsAtOnce = 8
	// callsOfOne are of one endpoint at the most, one where its last call took long.
	callsOfOne = 2
	// callsOfSlow are of all endpoints together whose last call took long: functions that
	// wait for a lock must not hold up those that do not.
	callsOfSlow = 4
	// slowCall is how long that is.
	slowCall = time.Second
)

// turns bounds the functions of the business that are called at the same time, and keeps
// those of one endpoint from holding up the others'.
type turns struct {
	mu      sync.Mutex
	taken   int
	slow    int            // of those, by endpoints that are slow
	of      map[string]int // by endpoint
	isSlow  map[string]bool
	waiting []*turn // in the order in which they came
}

// turn is one call that waits.
type turn struct {
	endpoint string
	come     chan struct{}
}

func newTurns() *turns {
	return &turns{of: make(map[string]int), isSlow: make(map[string]bool)}
}

// take waits until a function of an endpoint may be called; false where ctx ends first.
func (t *turns) take(ctx context.Context, endpoint string) bool {
	one := &turn{endpoint: endpoint, come: make(chan struct{})}
	t.mu.Lock()
	t.waiting = append(t.waiting, one)
	t.next()
	t.mu.Unlock()
	select {
	case <-one.come:
		return true
	default:
	}
	select {
	case <-one.come:
		return true
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-one.come: // at the same moment
		t.leave(endpoint)
	default:
		t.waiting = slices.DeleteFunc(t.waiting, func(w *turn) bool { return w == one })
	}
	return false
}

// end tells that a call is over, and how long it took.
func (t *turns) end(endpoint string, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.isSlow[endpoint]
	if took >= slowCall {
		t.isSlow[endpoint] = true
	} else {
		delete(t.isSlow, endpoint)
	}
	if now := t.isSlow[endpoint]; now && !was {
		t.slow += t.of[endpoint]
	} else if was && !now {
		t.slow -= t.of[endpoint]
	}
	t.leave(endpoint)
}

// leave frees a place. The caller holds the lock.
func (t *turns) leave(endpoint string) {
	t.taken--
	if t.isSlow[endpoint] {
		t.slow--
	}
	if t.of[endpoint]--; t.of[endpoint] == 0 {
		delete(t.of, endpoint)
	}
	t.next()
}

// next lets those go that may, in their order.
func (t *turns) next() {
	t.waiting = slices.DeleteFunc(t.waiting, func(one *turn) bool {
		if !t.may(one.endpoint) {
			return false
		}
		t.taken++
		t.of[one.endpoint]++
		if t.isSlow[one.endpoint] {
			t.slow++
		}
		close(one.come)
		return true
	})
}

func (t *turns) may(endpoint string) bool {
	switch {
	case t.taken >= callsAtOnce:
		return false
	case t.isSlow[endpoint]:
		return t.of[endpoint] == 0 && t.slow < callsOfSlow
	}
	return t.of[endpoint] < callsOfOne
}
