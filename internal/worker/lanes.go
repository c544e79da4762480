package worker

import (
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// claimLanes is the most lanes that one claim serves.
const claimLanes = 64

// lanes are the endpoints that have something due, in the order in which they
// are served: round robin, so that a large backlog of one delays no other. A
// lane that is empty leaves, until a look names it again. A lane that is busy
// remembers where it got to, so that a claim does not walk over what is in flight,
// or was deleted while somebody's snapshot is kept; what became due before that
// place, a look names again.
type lanes struct {
	order []string
	known map[string]time.Time // from where to claim
}

func (l *lanes) empty() bool { return len(l.order) == 0 }

// add puts endpoints that are not here yet at the end of the round. All have
// something due from that time on.
func (l *lanes) add(endpoints []string, from time.Time) {
	if l.known == nil {
		l.known = make(map[string]time.Time)
	}
	for _, endpoint := range endpoints {
		was, known := l.known[endpoint]
		if !known {
			l.order = append(l.order, endpoint)
		}
		if !known || from.Before(was) {
			l.known[endpoint] = from
		}
	}
}

// next takes the lanes whose turn it is, and shares the free slots among them,
// one at the least. Each must be given back with keep, or is gone.
func (l *lanes) next(free int) []outbox.Lane {
	n := min(len(l.order), claimLanes, free)
	turn := make([]outbox.Lane, n)
	for i, endpoint := range l.order[:n] {
		turn[i] = outbox.Lane{Endpoint: endpoint, From: l.known[endpoint], Take: free / n}
		delete(l.known, endpoint)
		if i < free%n {
			turn[i].Take++
		}
	}
	l.order = append(l.order[:0], l.order[n:]...)
	return turn
}

// giveBack puts lanes back that could not be asked.
func (l *lanes) giveBack(turn []outbox.Lane) {
	for _, lane := range turn {
		l.add([]string{lane.Endpoint}, lane.From)
	}
}

// keep puts the lanes whose claim was filled back at the end of the round: they
// may have more. claims are what the turn's lanes gave.
func (l *lanes) keep(turn []outbox.Lane, claims []*outbox.Claim) {
	type took struct {
		rows int
		last time.Time // when the last of them was due
	}
	of := make(map[string]took, len(turn))
	for _, claim := range claims {
		t := of[claim.Endpoint]
		t.rows++
		if claim.Due.After(t.last) {
			t.last = claim.Due
		}
		of[claim.Endpoint] = t
	}
	for _, lane := range turn {
		if t := of[lane.Endpoint]; t.rows >= lane.Take {
			l.add([]string{lane.Endpoint}, t.last)
		}
	}
}
