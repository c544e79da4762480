package model_test

import (
	"slices"

	"github.com/orderbell/orderbell/internal/outbox"
)

// notification is what the contract says of one: its attempts, and its ending.
// Everything else is worked out from them.
type notification struct {
	order, endpoint, key int
	duplicateOf          int // counted from 1; 0: it is none

	attempts []attempt
	holder   int  // who has the attempt that is in flight
	orphaned bool // the holder's process has died since
	over     bool // the lease has ended
	wait     int  // hours
	// endsAs is how it ends once the attempt in flight is settled: it was cancelled, or
	// an earlier attempt was acknowledged.
	endsAs  outbox.State
	ending  outbox.State
	endRung int

	unseen bool // the open business transaction has written it
	undone bool // that was rolled back
	locked bool // the open business transaction cancels it
}

// attempt is one try. Its outcome is empty until somebody has said what it was.
type attempt struct {
	worker  int
	outcome outbox.Outcome
}

// result is what a worker says came of an attempt.
type result struct {
	outcome    outbox.Outcome
	retryAfter int // hours
}

// ladder is the model's own policy.
type ladder struct {
	rungs         []int // hours
	retryAfterCap int
}

func (n *notification) clone() *notification {
	c := *n
	c.attempts = slices.Clone(n.attempts)
	return &c
}

func (n *notification) inFlight() bool { return n.ending == "" && n.holder > 0 }

func (n *notification) waiting() bool { return n.ending == "" && n.holder == 0 }

// visible tells whether others than the open transaction see it.
func (n *notification) visible() bool { return !n.unseen && !n.undone }

// claimable tells whether a claim takes it now.
func (n *notification) claimable() bool {
	return n.visible() && n.waiting() && n.wait == 0 && !n.locked
}

// spent counts the rungs that attempts have spent, and the unknown ones at their end.
func spent(attempts []attempt) (rungs, unknowns int) {
	for _, a := range attempts {
		switch a.outcome {
		case outbox.OutcomeAnswered, outbox.OutcomeTimeout, outbox.OutcomeUnreachable, outbox.OutcomeBlocked:
			rungs, unknowns = rungs+1, 0
		case outbox.OutcomeUnknown:
			unknowns++
			if unknowns > 2 {
				rungs++
			}
		case "":
		default:
			unknowns = 0
		}
	}
	return rungs, unknowns
}

// begin is a claim: an attempt begins.
func (n *notification) begin(worker int) {
	n.attempts = append(n.attempts, attempt{worker: worker})
	n.holder, n.orphaned, n.over = worker, false, false
}

// fate is what a result does to a notification.
type fate int

const (
	nothing fate = iota
	moves
	held // it would move, but somebody's transaction holds the row
)

// fateOf says what a result does that this worker brings now. It moves the
// notification if it is of the attempt in flight, and unknown only if the lease is
// over or the worker's own; an acknowledgement does as long as nothing has ended.
func (n *notification) fateOf(attempt int, r result, worker int) fate {
	current := n.inFlight() && attempt == len(n.attempts)
	switch {
	case n.ending != "":
		return nothing
	case r.outcome == outbox.OutcomeAcknowledged:
	case !current:
		return nothing
	case r.outcome == outbox.OutcomeUnknown && !n.over && (n.holder != worker || n.orphaned):
		return nothing
	}
	if n.locked {
		return held
	}
	return moves
}

// settle is a result that reached the database.
func (n *notification) settle(attempt int, r result, worker int, policy ladder) fate {
	a := &n.attempts[attempt-1]
	does := n.fateOf(attempt, r, worker)
	switch {
	case does == moves && attempt == len(n.attempts) && n.inFlight():
		a.outcome = r.outcome
		n.judge(attempt, r, policy)
	case does == moves && n.inFlight():
		n.endsAs = outbox.Acknowledged
	case does == moves:
		n.end(outbox.Acknowledged, policy)
	}
	return does
}

// judge says where a notification goes once its attempt is recorded.
func (n *notification) judge(attempt int, r result, policy ladder) {
	before, _ := spent(n.attempts[:attempt-1])
	after, _ := spent(n.attempts)
	switch {
	case r.outcome == outbox.OutcomeAcknowledged:
		n.end(outbox.Acknowledged, policy)
	case n.endsAs != "":
		n.end(n.endsAs, policy)
	case r.outcome == outbox.OutcomeRejected:
		n.end(outbox.Rejected, policy)
	case after > len(policy.rungs):
		n.end(outbox.Exhausted, policy)
	default:
		n.holder, n.orphaned, n.over, n.wait = 0, false, false, 0
		if after > before {
			n.wait = max(policy.rungs[after-1], min(r.retryAfter, policy.retryAfterCap))
		}
	}
}

func (n *notification) end(as outbox.State, policy ladder) {
	rungs, _ := spent(n.attempts)
	n.ending, n.endRung = as, min(rungs, len(policy.rungs))
	n.holder, n.orphaned, n.over, n.wait, n.endsAs = 0, false, false, 0, ""
}

// cancel ends it, or marks it while it is in flight.
func (n *notification) cancel(policy ladder) {
	switch {
	case !n.inFlight():
		n.end(outbox.Cancelled, policy)
	case n.endsAs == "": // what was acknowledged ends so
		n.endsAs = outbox.Cancelled
	}
}

// standing is where it should stand.
func (n *notification) standing(policy ladder) standing {
	if !n.visible() {
		return standing{}
	}
	s := standing{
		State: n.ending, Attempts: len(n.attempts), Rung: n.endRung,
		Holder: n.holder, LeaseOver: n.over, EndsAs: n.endsAs, Wait: n.wait, Duplicate: n.duplicateOf,
	}
	if n.ending == "" {
		rungs, unknowns := spent(n.attempts)
		s.State, s.Rung, s.Unknowns = outbox.Pending, min(rungs, len(policy.rungs)), unknowns
		if n.inFlight() {
			s.State = outbox.InFlight
		}
	}
	for i, a := range n.attempts {
		if a.outcome != "" {
			s.History = append(s.History, record{Attempt: i + 1, Outcome: a.outcome, Worker: a.worker})
		}
	}
	return s
}
