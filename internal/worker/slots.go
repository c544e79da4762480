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
	// slowShare of the slow slots is the most that one endpoint holds.
	slowShare = 4
	// beginShare of them is where requests may begin. The others are for requests that move:
	// who has begun to hang is found out in a prompt slot, which must come free again. With
	// 300 of 1,000 endpoints that begin to hang, 60 requests a second and a timeout of 10 s,
	// 260 first requests are in flight before the first of them has ended.
	beginShare = 2
	// hangingShare of the slow slots that are free is the most that an endpoint has in flight
	// of which requests take long, and no answer has come for stillAnswers: what hangs in
	// prompt slots must find a place to move to. With L endpoints that begin to hang, each
	// with many rows, 256*L/(8+L) requests hang then, of 256.
	hangingShare = 8
	stillAnswers = 100 * time.Millisecond
	// crowdedShare of the prompt slots is the most of one that does answer, while no slow
	// slot is free.
	crowdedShare = 8

	// ahead is how far claims go ahead of the slots: a claim of many rows costs each of
	// them less, and the slots have no time to be idle.
	ahead = 10 * time.Millisecond
	// most rows that are claimed and wait, for each slot.
	aheadPerSlot = 4
	// gather is how long a claim of few rows waits for more slots.
	gather = 500 * time.Microsecond
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

// share is what one endpoint has of the slots.
type share struct {
	endpoint string
	waiting  int  // rows without a slot yet
	flying   int  // rows with one
	slow     int  // of those, in slow slots, or about to take one
	isSlow   bool // its last answers took long: it starts in slow slots
	answered time.Time
	isFull   bool // its lane waits until an attempt has ended
}

// inFlight is what was claimed and has not ended.
func (s *share) inFlight() int { return s.waiting + s.flying }

// waiter waits for something to be true of the slots.
type waiter struct {
	ready func() bool // with the lock
	wake  chan struct{}
}

func newSlots(most int) *slots {
	return &slots{most: most, shares: make(map[string]*share), more: make(chan struct{}, 1)}
}

// room is how much may be claimed: for prompt slots and those that will be free in
// 10 ms, and for slow ones.
type room struct{ prompt, slow int }

func (r room) none() bool { return r.prompt+r.slow == 0 }

// room waits until there is any for lanes that want it, but no longer than that: while it
// waits nobody looks, and others may have something due. It is none where the time is over
// or ctx ends first.
func (s *slots) room(ctx context.Context, l *lanes, patience time.Duration) room {
	prompt, slow := len(l.prompt) > 0, len(l.slow) > 0
	s.change(s.measure)
	mayClaim := func() bool { return s.waiting <= s.soon/2 && s.vacant() > 0 }
	s.wants(l.heads())
	// Nobody waits for slow slots here: those who fall due meanwhile may be prompt.
	timer := time.NewTimer(patience)
	defer timer.Stop()
	ok := s.await(ctx, timer.C, func() bool { return !prompt || mayClaim() || slow && s.beginSlow() > 0 })
	s.wants([2]string{})
	if !ok {
		return room{}
	}
	if prompt {
		s.gather(ctx, func() bool { return !mayClaim() || s.vacant() > s.most/2 })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := room{slow: s.beginSlow()}
	if prompt && mayClaim() {
		r.prompt = s.vacant()
	}
	return r
}

// wants says which endpoints wait to be claimed for.
func (s *slots) wants(heads [2]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hungry = heads
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

// freeSlow are the slow slots that are free.
func (s *slots) freeSlow() int { return slowPerPrompt*s.most - s.slow }

// beginSlow are the slow slots in which requests may begin.
func (s *slots) beginSlow() int { return max(0, slowPerPrompt*s.most/beginShare-s.slow) }

// slowMost is the most slow slots that one endpoint holds.
func (s *slots) slowMost() int { return max(1, slowPerPrompt*s.most/slowShare) }

// of is an endpoint's share. The caller holds the lock.
func (s *slots) of(endpoint string) *share {
	one := s.shares[endpoint]
	if one == nil {
		one = &share{endpoint: endpoint}
		s.shares[endpoint] = one
	}
	return one
}

// divide says how many rows each portion may claim: equal parts of the prompt slots, or
// slow slots, which they hold from now on. window is the most that may be in flight to
// an endpoint, 0 for any number. A portion that gets nothing is told why.
func (s *slots) divide(portions []*portion, r room, window func(endpoint string) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prompts := 0
	for _, p := range portions {
		p.slow = s.isSlow(p.endpoint)
		if !p.slow {
			prompts++
		}
	}
	nth := 0
	for _, p := range portions {
		one := s.of(p.endpoint)
		most := s.limit(one, window(p.endpoint))
		switch {
		case p.slow:
			p.take = max(0, min(p.most(), most, s.slowMost()-one.inFlight(), s.beginSlow()))
			s.slow += p.take
			one.slow += p.take
			p.crowded = s.beginSlow() == 0 && one.inFlight() < s.slowMost()
		default:
			p.take = min(p.most(), most, part(r.prompt, prompts, nth))
			p.crowded = part(r.prompt, prompts, nth) == 0
			nth++
		}
		if p.take == 0 && !p.crowded {
			one.isFull = true
		}
		s.forget(one)
	}
}

func (s *slots) isSlow(endpoint string) bool {
	one := s.shares[endpoint]
	return one != nil && one.isSlow
}

// limit is how many more rows of an endpoint may be claimed.
func (s *slots) limit(one *share, window int) int {
	most := aheadPerSlot * s.most
	if window > 0 {
		most = window - one.inFlight()
	}
	if one.slow > 0 && len(s.shares) > 1 || s.freeSlow() <= 0 { // there are others
		most = min(most, s.fair(one)-one.inFlight())
	}
	return max(0, most)
}

// fair is how many requests may be in flight to an endpoint of which some take long, or
// where no slow slot is free.
func (s *slots) fair(one *share) int {
	answers := time.Since(one.answered) < stillAnswers
	switch free := s.freeSlow(); {
	case answers && free > 0:
		return s.slowMost()
	case answers:
		return max(1, s.most/crowdedShare)
	default:
		return max(1, min(s.slowMost(), free/hangingShare))
	}
}

// part is the nth of some equal parts, the first ones larger by one.
func part(whole, parts, nth int) int {
	part := whole / max(parts, 1)
	if nth < whole%max(parts, 1) {
		part++
	}
	return part
}

// unused gives back what a portion did not claim of its slow slots.
func (s *slots) unused(p *portion, n int) {
	if !p.slow || n == 0 {
		return
	}
	s.change(func() {
		one := s.of(p.endpoint)
		s.slow -= n
		one.slow -= n
		s.forget(one)
	})
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
			s.waiting--
			s.over(s.of(e.claim.Endpoint), func(one *share) { one.waiting-- })
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
	s.change(func() {
		if e.slow {
			s.slow--
		} else {
			s.taken--
		}
		s.over(s.of(e.claim.Endpoint), func(one *share) {
			one.flying--
			if e.slow {
				one.slow--
			}
		})
	})
}

// over counts something of an endpoint as ended.
func (s *slots) over(one *share, count func(*share)) {
	count(one)
	if one.isFull {
		one.isFull = false
		s.ended = append(s.ended, one.endpoint)
		signal(s.more)
	}
	s.forget(one)
}

// forget drops a share that says nothing.
func (s *slots) forget(one *share) {
	if one.inFlight() == 0 && one.slow == 0 && !one.isSlow {
		delete(s.shares, one.endpoint)
	}
}

// freedLanes returns the endpoints whose lanes were full, and are no more.
func (s *slots) freedLanes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ended := s.ended
	s.ended = nil
	return ended
}

// inFlight is how many rows of an endpoint are claimed and have not ended.
func (s *slots) inFlight(endpoint string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.shares[endpoint]; one != nil {
		return one.inFlight()
	}
	return 0
}

// full notes that an endpoint's lane waits until an attempt has ended; false where none
// is in flight.
func (s *slots) full(endpoint string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.shares[endpoint]
	if one == nil || one.inFlight() == 0 {
		return false
	}
	one.isFull = true
	return true
}

// slowRoom tells whether a slow slot is free; where none is, more is signalled when one is.
func (s *slots) slowRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wantsSlow = s.beginSlow() == 0
	return !s.wantsSlow
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
