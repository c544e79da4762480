package demo

import "time"

// state is what became of a trade, whatever the channel calls it.
type state string

const (
	tradeAbsent  state = ""        // the payer has not come to the page yet
	tradeWaiting state = "waiting" // for the payer
	tradePaid    state = "paid"
	tradeClosed  state = "closed"
)

func (s state) final() bool { return s == tradePaid || s == tradeClosed }

// story is what a payer does: the state that each question finds, the last one for ever,
// and when the channel's own callback comes; 0: never.
type story struct {
	states   []state
	callback time.Duration
}

func stories() []story {
	return []story{
		{states: []state{tradePaid}},
		{states: []state{tradeWaiting, tradePaid}},
		{states: []state{tradeAbsent, tradeWaiting, tradePaid}},
		{states: []state{tradeWaiting, tradeWaiting, tradeClosed}},
		// The callback comes before the first question, which is then never asked; between
		// two; and at the time of one.
		{states: []state{tradeWaiting}, callback: questionAfter / 2},
		{states: []state{tradeWaiting}, callback: questionAfter + questionLadder()[0]/2},
		{states: []state{tradeWaiting}, callback: questionAfter},
		{states: []state{tradeWaiting}}, // nobody ever knows
	}
}
