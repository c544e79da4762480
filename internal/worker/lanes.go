package worker

import (
	"container/heap"
	"time"
)

// claimLanes is the most lanes that one claim serves.
const claimLanes = 64

// lanes are the endpoints that have something due, in the order in which they
// are served: round robin, so that a large backlog of one delays no other. A lane is in
// one place: in one of the two rounds, at rest until a time, or full, until an attempt of
// its own has ended; there it costs nothing. One that is empty leaves, until a look names
// it again. One that is busy
// remembers where it got to, so that a claim does not walk over what is in flight,
// or was deleted while somebody's snapshot is kept; what became due before that
// place, a look names again.
type lanes struct {
	known        map[string]*lane
	prompt, slow []*lane // the rounds: of the prompt slots, and of the slow ones
	resting      rests
}

// lane is one endpoint that has something due.
type lane struct {
	endpoint string
	from     time.Time // from where to claim
	at       place
	until    time.Time // the end of its rest
}

// place is where a lane is.
type place int

const (
	inPromptRound place = iota
	inSlowRound
	isFull
	atRest
)

// empty tells that no lane may be served now.
func (l *lanes) empty() bool { return len(l.prompt)+len(l.slow) == 0 }

// add puts endpoints that are not here yet at the end of the round. All have
// something due from that time on.
func (l *lanes) add(endpoints []string, from time.Time) {
	for _, endpoint := range endpoints {
		if known := l.known[endpoint]; known == nil {
			l.enter(&lane{endpoint: endpoint, from: from})
		} else if from.Before(known.from) {
			known.from = from
		}
	}
}

// enter puts a lane at the end of the prompt round.
func (l *lanes) enter(one *lane) {
	if l.settle(one, inPromptRound) {
		l.prompt = append(l.prompt, one)
	}
}

// settle makes a lane known at a place, unless it is known already: a look may have named
// it while its turn was.
func (l *lanes) settle(one *lane, at place) bool {
	if l.known == nil {
		l.known = make(map[string]*lane)
	}
	if now := l.known[one.endpoint]; now != nil {
		if one.from.Before(now.from) {
			now.from = one.from
		}
		return false
	}
	one.at = at
	l.known[one.endpoint] = one
	return true
}

// next takes the lanes whose turn it is: of the prompt round where there is room for
// it, and of the slow one. Each must be given back, or is gone.
func (l *lanes) next(prompt, slow int) []*lane {
	n := min(len(l.prompt), claimLanes, prompt)
	turn := append([]*lane(nil), l.prompt[:n]...)
	l.prompt = append(l.prompt[:0], l.prompt[n:]...)
	n = min(len(l.slow), claimLanes-n, slow)
	turn = append(turn, l.slow[:n]...)
	l.slow = append(l.slow[:0], l.slow[n:]...)
	for _, one := range turn {
		delete(l.known, one.endpoint)
	}
	return turn
}

// queueSlow puts a lane at the end of the slow round: only slow slots will do for it.
func (l *lanes) queueSlow(one *lane) {
	if l.settle(one, inSlowRound) {
		l.slow = append(l.slow, one)
	}
}

// putOff leaves a full lane out until readmit names it.
func (l *lanes) putOff(one *lane) { l.settle(one, isFull) }

// readmit puts lanes back into the round that were full.
func (l *lanes) readmit(endpoints []string) {
	for _, endpoint := range endpoints {
		if one := l.known[endpoint]; one != nil && one.at == isFull {
			delete(l.known, endpoint)
			l.enter(one)
		}
	}
}

// rest leaves a lane out until a time.
func (l *lanes) rest(one *lane, until time.Time) {
	if l.settle(one, atRest) {
		one.until = until
		heap.Push(&l.resting, one)
	}
}

// wake ends the rests that are over by now, or all of them.
func (l *lanes) wake(now time.Time, all bool) {
	for len(l.resting) > 0 && (all || !now.Before(l.resting[0].until)) {
		one := heap.Pop(&l.resting).(*lane) //nolint:forcetypeassert // nothing else is in there
		delete(l.known, one.endpoint)
		l.enter(one)
	}
}

// nextWake is when the next rest is over; zero where no lane rests.
func (l *lanes) nextWake() time.Time {
	if len(l.resting) == 0 {
		return time.Time{}
	}
	return l.resting[0].until
}

// heads are the first endpoints of the prompt round.
func (l *lanes) heads() (heads [2]string) {
	for i := range min(len(heads), len(l.prompt)) {
		heads[i] = l.prompt[i].endpoint
	}
	return heads
}

// rests is a heap of lanes, the one whose rest ends first on top.
type rests []*lane

func (r rests) Len() int           { return len(r) }
func (r rests) Less(i, j int) bool { return r[i].until.Before(r[j].until) }
func (r rests) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }

// Push is for container/heap.
func (r *rests) Push(one any) { *r = append(*r, one.(*lane)) } //nolint:forcetypeassert // nothing else is in there

// Pop is for container/heap.
func (r *rests) Pop() any {
	old := *r
	one := old[len(old)-1]
	*r = old[:len(old)-1]
	return one
}
