package worker

import "time"

const (
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
)

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

// over notes that something of an endpoint has ended: its lane may be full no more.
func (s *slots) over(one *share) {
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
