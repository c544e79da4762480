package outbox

import "slices"

// State says where a notification stands. The words are those of the enum
// orderbell.state.
type State string

// The states. Held, Pending and InFlight are unfinished: the notification has a
// row in orderbell.delivery. The others are finished: it has one in
// orderbell.finished instead.
const (
	Held         State = "held"
	Pending      State = "pending"
	InFlight     State = "in_flight"
	Acknowledged State = "acknowledged"
	Exhausted    State = "exhausted"
	Rejected     State = "rejected"
	Cancelled    State = "cancelled"
	Superseded   State = "superseded"
)

// States lists every state, unfinished ones first.
var States = []State{Held, Pending, InFlight, Acknowledged, Exhausted, Rejected, Cancelled, Superseded}

// Finished reports whether nothing is sent any more in this state.
func (s State) Finished() bool {
	return s != Held && s != Pending && s != InFlight
}

// transitions is the only place that names the legal moves; the package
// documentation draws the same picture, and a test keeps both equal.
var transitions = map[State][]State{
	Held:     {Pending, Cancelled, Superseded},
	Pending:  {InFlight, Acknowledged, Cancelled, Superseded},
	InFlight: {Pending, Acknowledged, Exhausted, Rejected, Cancelled, Superseded},
}

// CanMove reports whether a row may go from one state to the other. A finished
// notification moves nowhere: a replay gives it a new delivery row, in a new round.
func CanMove(from, to State) bool {
	return slices.Contains(transitions[from], to)
}
