package worker

import "time"

const (
	// busyLook and lookShare space looks while there are lanes to serve: at most every
	// 20 ms, and at most a twentieth of the time, but never further apart than
	// longestLook: other endpoints wait for it. A look reads what fell due in two
	// seconds: 3 ms when that is 30,000 rows.
	busyLook    = 20 * time.Millisecond
	lookShare   = 20
	longestLook = 40 * time.Millisecond
	// restAfterNothing follows a look whose lanes had nothing to claim: their rows
	// are parked, or locked, or another worker's.
	restAfterNothing = 50 * time.Millisecond
	// restWithoutNetwork does so while our own network is gone.
	restWithoutNetwork = 250 * time.Millisecond
	// pollLook is the time between looks where the bell cannot be heard.
	pollLook = time.Second
	// fullLookPause and fullLookShare space full looks while there is traffic: at
	// most every 2.5 s, and at most a twentieth of the time. With 500,000 rows due one takes
	// 120 ms of a core, and everything else is slower meanwhile; but an order that stayed
	// open for over two seconds is found by no other, and must not wait for longer.
	fullLookPause = 2500 * time.Millisecond
	fullLookShare = 20
	// neededLookShare is for those that are asked for: endpoints or policies have changed.
	neededLookShare = 2
	// endedLeasePause is the least time between full looks: leases end one by one.
	endedLeasePause = 100 * time.Millisecond
	// lapseGrace is how long after an outage ended leases are left alone: their workers
	// may be there, and write down first what they have.
	lapseGrace = 2 * time.Second
	// longOutage is one in which leases may have ended: they last for at least as long
	// after a renewal was due. A database that comes and goes must not keep them from
	// being found.
	longOutage = 5 * time.Second
	// idleFullLook is the time between full looks while nothing happens.
	idleFullLook = time.Minute
	// longLook is how long a full look takes that is made beside the work.
	longLook = 5 * time.Millisecond
	// fullLookRetry follows a full look that failed.
	fullLookRetry = 500 * time.Millisecond
)

// schedule knows when to look next, and how.
type schedule struct {
	since              time.Time // the database's time of the last look
	lastLook, lastFull time.Time
	lookCost, fullCost time.Duration
	// blind is since when looks fail, zero while they do not; backAt is when they last
	// ceased to, after so long that leases may have ended.
	blind, backAt time.Time
	// owed: something happened since the last full look that only another one
	// can see whole.
	owed bool
	// nextDue, nextLeaseEnd and nextProbe are zero if nothing is known to come.
	nextDue, nextLeaseEnd, nextProbe time.Time
	looking                          bool // a full look is under way
	needed                           bool // one is to be made as soon as may be
}

// sees notes that a look went well.
func (s *schedule) sees(now time.Time) {
	if !s.blind.IsZero() && now.Sub(s.blind) >= longOutage {
		s.backAt = now
	}
	s.blind = time.Time{}
}

// fullDue tells whether it is time for a full look.
func (s *schedule) fullDue(now time.Time) bool {
	if s.looking {
		return false
	}
	return s.lastFull.IsZero() || !now.Before(s.nextFull())
}

// lookPause is the time between looks while there are lanes to serve.
func (s *schedule) lookPause() time.Duration {
	return min(max(busyLook, lookShare*s.lookCost), longestLook)
}

// nextFull is when the next full look is due: soon where one is owed, and when a lease
// of another worker may end, but never for more than a share of the time.
func (s *schedule) nextFull() time.Time {
	if s.needed {
		return s.lastFull.Add(max(endedLeasePause, neededLookShare*s.fullCost))
	}
	soonest := s.lastFull.Add(max(endedLeasePause, fullLookShare*s.fullCost))
	next := s.lastFull.Add(idleFullLook)
	if s.owed {
		next = s.lastFull.Add(min(max(fullLookPause, fullLookShare*s.fullCost), idleFullLook))
	}
	for _, at := range []time.Time{s.nextLeaseEnd, s.nextProbe} {
		if !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	if next.Before(soonest) {
		return soonest
	}
	return next
}

// wakeAt is when a worker that sleeps must look again, even if nobody rings.
func (s *schedule) wakeAt(now time.Time, belled bool) time.Time {
	at := s.nextFull()
	if s.looking {
		at = now.Add(idleFullLook) // it wakes the worker when it is over
	}
	if !s.nextDue.IsZero() && s.nextDue.Before(at) {
		at = s.nextDue
	}
	if poll := now.Add(pollLook); !belled && poll.Before(at) {
		at = poll
	}
	return at
}

// sooner is the earlier of two instants; zero is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// after is the instant that comes in d, or zero for 0.
func after(now time.Time, d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return now.Add(d)
}
