package worker

import (
	"context"
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

// slowRoom tells whether a slow slot is free; where none is, more is signalled when one is.
func (s *slots) slowRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wantsSlow = s.beginSlow() == 0
	return !s.wantsSlow
}

// gather waits for a moment until enough is true.
func (s *slots) gather(ctx context.Context, enough func() bool) {
	timer := time.NewTimer(gather)
	defer timer.Stop()
	s.await(ctx, timer.C, enough)
}
