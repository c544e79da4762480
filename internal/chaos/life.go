package chaos

import (
	"maps"
	"slices"
	"strings"
)

// The words of the contract that the checker reads. It repeats them, and the rules,
// because it must not believe the code that it checks.
const (
	inFlight     = "in_flight"
	pending      = "pending"
	acknowledged = "acknowledged"
	exhausted    = "exhausted"
	rejected     = "rejected"
	cancelled    = "cancelled"
	answered     = "answered"
	timeout      = "timeout"
	unreachable  = "unreachable"
	blocked      = "blocked"
	interrupted  = "interrupted"
	unknown      = "unknown"
)

// freeUnknowns is how many unknown attempts in a row spend no rung.
const freeUnknowns = 2

// life is all that is known of one notification.
type life struct {
	id           string
	fate         Fate // Committed, RolledBack, or empty: no shop has written it
	cancelled    bool // the scenario asked for it
	notification *Notification
	stands       *Delivery
	ends         []Finished // by round
	attempts     []Attempt  // by number
	requests     []Request  // by arrival
}

// livesOf sorts the logs by notification. The fate of an order whose commit is of
// unknown outcome is looked up in the database.
func livesOf(logs Logs) []*life {
	lives := make(map[string]*life)
	of := func(id string) *life {
		if lives[id] == nil {
			lives[id] = &life{id: id}
		}
		return lives[id]
	}
	db := &logs.Database
	for i := range db.Notifications {
		of(db.Notifications[i].ID).notification = &db.Notifications[i]
	}
	for i := range db.Deliveries {
		of(db.Deliveries[i].ID).stands = &db.Deliveries[i]
	}
	for _, a := range db.Attempts {
		of(a.ID).attempts = append(of(a.ID).attempts, a)
	}
	for _, f := range db.Finished {
		of(f.ID).ends = append(of(f.ID).ends, f)
	}
	for _, r := range logs.Requests {
		of(r.ID).requests = append(of(r.ID).requests, r)
	}
	gone := make(map[string]bool)
	for _, no := range logs.Cancelled {
		gone[no] = true
	}
	for i := range logs.Orders {
		o := &logs.Orders[i]
		for _, id := range o.IDs {
			of(id).fate = o.resolve(of(id))
			of(id).cancelled = gone[o.No]
		}
		for _, id := range o.Undone {
			of(id).fate = RolledBack
		}
	}
	for _, l := range lives {
		l.sort()
	}
	return slices.SortedFunc(maps.Values(lives), func(a, b *life) int { return strings.Compare(a.id, b.id) })
}

func (o *Order) resolve(l *life) Fate {
	if o.Fate == Committed || (o.Fate == Unknown && l.notification != nil) {
		return Committed
	}
	return RolledBack
}

func (l *life) sort() {
	slices.SortStableFunc(l.requests, func(a, b Request) int { return a.Arrived.Compare(b.Arrived) })
	slices.SortStableFunc(l.attempts, func(a, b Attempt) int { return a.Attempt - b.Attempt })
	slices.SortStableFunc(l.ends, func(a, b Finished) int { return a.Round - b.Round })
}

// attempt returns the row of an attempt, nil if there is none.
func (l *life) attempt(number int) *Attempt {
	i, ok := slices.BinarySearchFunc(l.attempts, number, func(a Attempt, n int) int { return a.Attempt - n })
	if !ok {
		return nil
	}
	return &l.attempts[i]
}

// round is the round of an attempt. One without a row is of the newest.
func (l *life) round(number int) int {
	if a := l.attempt(number); a != nil {
		return a.Round
	}
	if l.stands != nil {
		return l.stands.Round
	}
	return len(l.ends) - 1
}

// spent is an attempt and what it took of the ladder.
type spent struct {
	Attempt
	spends bool
	rung   int // spent before it, in its round
}

// spending goes through the attempts by the rules of the contract.
func (l *life) spending() []spent {
	all := make([]spent, 0, len(l.attempts))
	round, rung, unknowns := 0, 0, 0
	for _, a := range l.attempts {
		if a.Round != round {
			round, rung, unknowns = a.Round, 0, 0
		}
		s := spent{Attempt: a, rung: rung}
		switch a.Outcome {
		case answered, timeout, unreachable, blocked:
			s.spends, unknowns = true, 0
		case unknown:
			unknowns++
			s.spends = unknowns > freeUnknowns
		default:
			unknowns = 0
		}
		if s.spends {
			rung++
		}
		all = append(all, s)
	}
	return all
}
