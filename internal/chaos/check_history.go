package chaos

import "slices"

// silent are the outcomes of attempts that may never have reached their merchant.
var silent = []string{unreachable, timeout, blocked, interrupted, unknown}

// history: the requests and the attempt rows of a notification are the same
// attempts, and the rows are numbered without a gap.
func (c *checker) history(l *life) {
	received := make(map[int]int)
	for _, r := range l.requests {
		received[r.Attempt]++
		row := l.attempt(r.Attempt)
		switch {
		case received[r.Attempt] == 2:
			c.object(CompleteHistory, l.id, "attempt %d was received more than once", r.Attempt)
		case row != nil:
			c.truth(l, r, *row)
		case l.stands == nil || l.stands.State != inFlight || l.stands.Attempts != r.Attempt:
			c.object(CompleteHistory, l.id, "attempt %d was received, and has no row", r.Attempt)
		}
	}
	for _, a := range l.attempts {
		if received[a.Attempt] == 0 && !slices.Contains(silent, a.Outcome) {
			c.object(CompleteHistory, l.id, "attempt %d is recorded as %s, and was never received", a.Attempt, a.Outcome)
		}
	}
	c.numbers(l)
}

// truth compares a row with what the merchant says of the same attempt.
func (c *checker) truth(l *life, r Request, a Attempt) {
	if a.Outcome == acknowledged && !r.Acknowledges {
		c.object(CompleteHistory, l.id, "attempt %d is recorded as acknowledged, and the merchant did not acknowledge it", a.Attempt)
	}
	if a.Status != 0 && a.Status != r.Status {
		c.object(CompleteHistory, l.id, "attempt %d is recorded with status %d, and was answered with %d", a.Attempt, a.Status, r.Status)
	}
}

// numbers: every attempt that was begun is recorded once, but for the one in flight.
func (c *checker) numbers(l *life) {
	for i, a := range l.attempts {
		if a.Attempt != i+1 {
			c.object(CompleteHistory, l.id, "row %d of its attempts has number %d", i+1, a.Attempt)
			return
		}
	}
	begun := len(l.attempts)
	switch {
	case l.stands != nil && l.stands.State == inFlight:
		begun = l.stands.Attempts - 1
	case l.stands != nil:
		begun = l.stands.Attempts
	case len(l.ends) > 0:
		begun = l.ends[len(l.ends)-1].Attempts
	}
	if begun != len(l.attempts) {
		c.object(CompleteHistory, l.id, "%d of its attempts should be recorded, %d are", begun, len(l.attempts))
	}
}

// insertOnly: whatever stood in the history during the run stands there still.
func (c *checker) insertOnly() {
	type key struct {
		id     string
		number int
	}
	attempts := make(map[key]Attempt)
	for _, a := range c.logs.Database.Attempts {
		attempts[key{a.ID, a.Attempt}] = a
	}
	ends := make(map[key]Finished)
	for _, f := range c.logs.Database.Finished {
		ends[key{f.ID, f.Round}] = f
	}
	for _, earlier := range c.logs.Earlier {
		for _, was := range earlier.Attempts {
			is, ok := attempts[key{was.ID, was.Attempt}]
			if ok && is.Began.Equal(was.Began) {
				is.Began = was.Began // another clock's zone is no change
			}
			if is != was {
				c.object(InsertOnly, was.ID, "attempt %d was %+v, and is %+v", was.Attempt, was, is)
			}
		}
		for _, was := range earlier.Finished {
			is, ok := ends[key{was.ID, was.Round}]
			if ok && is.At.Equal(was.At) {
				is.At = was.At
			}
			if is != was {
				c.object(InsertOnly, was.ID, "its ending of round %d was %+v, and is %+v", was.Round, was, is)
			}
		}
	}
}
