package chaos

import (
	"slices"
	"strings"
	"time"
)

// settleTime is how long the settling of an answer may take on a busy machine. An
// acknowledgement that is older than that when a fault begins is not excused by it.
const settleTime = 2 * time.Second

// duplicate is a request that came after its notification's acknowledgement.
type duplicate struct {
	id               string
	acknowledged, by Request
	row              *Attempt // of the acknowledged one
	before           *Attempt // the attempt just before this one
}

// duplicates: nothing is sent after its acknowledgement, unless a fault lay between
// the answer and its settling, and then no more than the fault explains.
func (c *checker) duplicates() {
	var all []duplicate
	for _, l := range c.lives {
		all = append(all, l.duplicates()...)
	}
	slices.SortStableFunc(all, func(a, b duplicate) int { return a.acknowledged.Answered.Compare(b.acknowledged.Answered) })
	// The fault that ends first is used up first: no other choice excuses more.
	faults := slices.SortedStableFunc(slices.Values(c.allowed.Faults), func(a, b Fault) int { return a.To.Compare(b.To) })
	for _, d := range all {
		switch {
		case d.row != nil && d.row.Outcome == acknowledged:
			c.object(DuplicatesBounded, d.id, "attempt %d was recorded as acknowledged, and attempt %d came %s after its answer",
				d.acknowledged.Attempt, d.by.Attempt, d.by.Arrived.Sub(d.acknowledged.Answered))
		case !excuse(faults, d):
			c.object(DuplicatesBounded, d.id, "attempt %d came %s after the acknowledgement of attempt %d, and no fault explains it",
				d.by.Attempt, d.by.Arrived.Sub(d.acknowledged.Answered), d.acknowledged.Attempt)
		}
	}
}

// duplicates are the requests of each round that came after an acknowledgement. Each
// is held against the last one before it: every one of those must have been forgotten.
func (l *life) duplicates() []duplicate {
	var found []duplicate
	told := make(map[int][]Request)
	for _, r := range l.requests {
		round := l.round(r.Attempt)
		var last *Request
		for i, earlier := range told[round] {
			if earlier.Answered.Before(r.Arrived) && (last == nil || earlier.Answered.After(last.Answered)) {
				last = &told[round][i]
			}
		}
		if last != nil {
			found = append(found, duplicate{id: l.id, acknowledged: *last, by: r, row: l.attempt(last.Attempt), before: l.attempt(r.Attempt - 1)})
		}
		if r.Acknowledges {
			told[round] = append(told[round], r)
		}
	}
	return found
}

// excuse uses up one of what the faults allow.
func excuse(faults []Fault, d duplicate) bool {
	for i := range faults {
		f := &faults[i]
		if f.Most > 0 && f.explains(d) {
			f.Most--
			return true
		}
	}
	return false
}

// explains tells that the fault came while the acknowledged attempt was in flight,
// or was about to be settled, and that the attempt was its worker's; or that the attempt just
// before the duplicate was, so that nobody knows what came of that one either.
func (f *Fault) explains(d duplicate) bool {
	if b := d.before; b != nil && b.Attempt > d.acknowledged.Attempt && b.Outcome == "unknown" && f.Worker != "" && isOf(b.Worker, f.Worker) {
		return true
	}
	if d.acknowledged.Arrived.After(f.To) || d.acknowledged.Answered.Add(settleTime).Before(f.From) {
		return false
	}
	return f.Worker == "" || (d.row != nil && isOf(d.row.Worker, f.Worker))
}

// isOf tells whether a row's worker is the one of that name: a process may add to
// its name what tells it from an earlier one.
func isOf(worker, name string) bool {
	rest, ok := strings.CutPrefix(worker, name)
	return ok && (rest == "" || !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", rune(rest[0])))
}
