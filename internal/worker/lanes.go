package worker

import "github.com/orderbell/orderbell/internal/outbox"

// claimLanes is the most lanes that one claim serves.
const claimLanes = 64

// lanes are the endpoints that have something due, in the order in which they
// are served: round robin, so that a large backlog of one delays no other. A
// lane that is empty leaves, until a look names it again.
type lanes struct {
	order []string
	known map[string]bool
}

func (l *lanes) empty() bool { return len(l.order) == 0 }

// add puts endpoints that are not here yet at the end of the round.
func (l *lanes) add(endpoints []string) {
	if l.known == nil {
		l.known = make(map[string]bool)
	}
	for _, endpoint := range endpoints {
		if !l.known[endpoint] {
			l.known[endpoint] = true
			l.order = append(l.order, endpoint)
		}
	}
}

// next takes the lanes whose turn it is, and shares the free slots among them,
// one at the least. Each must be given back with keep, or is gone.
func (l *lanes) next(free int) []outbox.Lane {
	n := min(len(l.order), claimLanes, free)
	turn := make([]outbox.Lane, n)
	for i, endpoint := range l.order[:n] {
		delete(l.known, endpoint)
		turn[i] = outbox.Lane{Endpoint: endpoint, Take: free / n}
		if i < free%n {
			turn[i].Take++
		}
	}
	l.order = append(l.order[:0], l.order[n:]...)
	return turn
}

// keep puts the lanes whose claim was filled back at the end of the round: they
// may have more. claims are what the turn's lanes gave.
func (l *lanes) keep(turn []outbox.Lane, claims []*outbox.Claim) {
	taken := make(map[string]int, len(turn))
	for _, claim := range claims {
		taken[claim.Endpoint]++
	}
	for _, lane := range turn {
		if taken[lane.Endpoint] >= lane.Take {
			l.add([]string{lane.Endpoint})
		}
	}
}
