package worker

import (
	"container/list"
	"time"
)

const (
	// slowAfter is how long a request may hold a prompt slot.
	slowAfter = time.Second
	// yieldAfter is how long while prompt slots are scarce: most merchants have answered by
	// then, and one that hangs costs the others no more than this.
	yieldAfter = 50 * time.Millisecond
	// watchEvery is the time between two looks for requests that take long.
	watchEvery = 10 * time.Millisecond
)

// flight is a request under way, which holds a slot.
type flight struct {
	of      *share
	began   time.Time
	slow    bool // it holds a slow slot
	element *list.Element
}

// begin notes that a request of an errand begins, in the slot that it has.
func (s *slots) begin(e errand) *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &flight{of: s.of(e.claim.Endpoint), began: time.Now(), slow: e.slow}
	f.element = s.flights.PushBack(f)
	if !s.watching {
		s.watching = true
		time.AfterFunc(watchEvery, s.watch)
	}
	return f
}

// end frees the slot of a request, wherever it is now. answered says that it came to
// what the endpoint makes of it: then it is known how slow it is.
func (s *slots) end(f *flight, answered bool) {
	took := time.Since(f.began)
	s.change(func() {
		s.flights.Remove(f.element)
		if !f.slow {
			s.freed++
			s.held += took
		}
		if answered {
			f.of.isSlow, f.of.answered = took >= slowAfter, time.Now()
		}
		s.release(f.of, f.slow)
	})
}

// watch moves requests that take long to slow slots, as long as there are requests.
func (s *slots) watch() {
	s.change(func() {
		now := time.Now()
		for e := s.flights.Front(); e != nil; e = e.Next() {
			f := e.Value.(*flight) //nolint:forcetypeassert // nothing else is in there
			age := now.Sub(f.began)
			if age < yieldAfter {
				break
			}
			if age >= slowAfter {
				f.of.isSlow = true
			}
			if age >= slowAfter || s.scarce(f.of) {
				s.move(f)
			}
		}
		s.watching = s.flights.Len() > 0
		if s.watching {
			time.AfterFunc(watchEvery, s.watch)
		}
	})
}

// scarce tells whether another endpoint than this one waits for a prompt slot, or may soon:
// there are others, and half of the slots are taken.
func (s *slots) scarce(than *share) bool {
	if s.waiting > than.waiting || len(s.shares) > 1 && s.taken > s.most/2 {
		return true
	}
	for _, endpoint := range s.hungry {
		if endpoint != "" && endpoint != than.endpoint {
			return true
		}
	}
	return false
}

// move moves a request to a slow slot, if its endpoint may hold one more.
func (s *slots) move(f *flight) {
	if f.slow || s.freeSlow() <= 0 || f.of.slow >= s.slowMost() {
		return
	}
	f.slow = true
	s.taken--
	s.slow++
	f.of.slow++
}
