package outbox

import "time"

// Ladder holds the waits between attempts, in order; one wait is a rung. N rungs
// give N+1 attempts. A rung counts from the settling of the attempt before it,
// and is kept without jitter: merchants plan by the published waits.
type Ladder []time.Duration

// Attempts is how many attempts spend the whole ladder, if none is
// acknowledged and none is interrupted or unknown.
func (l Ladder) Attempts() int { return len(l) + 1 }

// hookWait is the wait for a hook that has failed where there is no rung.
const hookWait = time.Minute

// Again is the wait after something has failed for that many times, from 1 on, that is
// never given up: a hook. The last rung is repeated.
func (l Ladder) Again(times int) time.Duration {
	if len(l) == 0 {
		return hookWait
	}
	return l[min(max(times, 1), len(l))-1]
}

// Next returns the wait that follows when spent rungs are behind us, or false
// where the ladder has ended.
func (l Ladder) Next(spent int) (time.Duration, bool) {
	if spent < 0 || spent >= len(l) {
		return 0, false
	}
	return l[spent], true
}
