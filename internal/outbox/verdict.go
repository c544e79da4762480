package outbox

import (
	"fmt"
	"time"
)

// FreeUnknowns is how many unknown attempts in a row are sent again at once.
// From the next one on each spends a rung and waits for it, so that a row that
// kills its workers cannot do so in a loop.
const FreeUnknowns = 2

// OursWait follows an attempt that failed for a reason on our side: it spends no rung, so
// that it would go on for ever, and what is wrong is rarely mended sooner.
const OursWait = 5 * time.Second

// Verdict says where a row goes after an attempt.
type Verdict struct {
	// State is Pending, or the state in which the notification ends.
	State State
	// Reason says why it ended; empty while it goes on and when acknowledged.
	Reason string
	// Wait is the time until the next attempt, counted from the settling.
	Wait time.Duration
	// Rung and Unknowns are the row's new counts.
	Rung, Unknowns int
}

// Judge decides where the row goes now, and after how long. It is pure: no
// clock, no I/O, the same verdict for the same claim and result.
func (p *Policy) Judge(c *Claim, r Result) Verdict {
	switch r.Outcome {
	case OutcomeAcknowledged:
		return Verdict{State: Acknowledged, Rung: c.Rung}
	case OutcomeRejected:
		return Verdict{State: Rejected, Reason: reason(c, r), Rung: c.Rung}
	case OutcomeInterrupted:
		if r.Ours || r.Parked {
			return Verdict{State: Pending, Rung: c.Rung, Wait: OursWait}
		}
		return Verdict{State: Pending, Rung: c.Rung}
	case OutcomeUnknown:
		return p.judgeUnknown(c, r)
	}
	return p.climb(c, r, 0)
}

func (p *Policy) judgeUnknown(c *Claim, r Result) Verdict {
	unknowns := c.Unknowns + 1
	if unknowns <= FreeUnknowns {
		return Verdict{State: Pending, Rung: c.Rung, Unknowns: unknowns}
	}
	return p.climb(c, r, unknowns)
}

// climb spends a rung, or ends the notification where none is left.
func (p *Policy) climb(c *Claim, r Result, unknowns int) Verdict {
	wait, ok := p.Ladder.Next(c.Rung)
	if !ok {
		return Verdict{State: Exhausted, Reason: reason(c, r), Rung: c.Rung, Unknowns: unknowns}
	}
	wait = max(wait, min(r.RetryAfter, p.RetryAfterCap))
	return Verdict{State: Pending, Wait: wait, Rung: c.Rung + 1, Unknowns: unknowns}
}

func reason(c *Claim, r Result) string {
	if r.Error == "" {
		return fmt.Sprintf("attempt %d: %s", c.Attempt, r.Outcome)
	}
	return fmt.Sprintf("attempt %d: %s: %s", c.Attempt, r.Outcome, r.Error)
}
