package demo

import (
	"fmt"

	"github.com/orderbell/orderbell/internal/outbox"
)

// QuestionSummary is what came of the scene question. Attempts are the questions that the
// channels were asked, Acknowledged the trades about which they gave a final answer, and
// Withdrawn the questions that were cancelled, since the channel's callback came first.
type QuestionSummary struct {
	Figures
	// HookCalls are those that the shop's journal has, Unknown among them those for trades
	// that were never final.
	HookCalls int `json:"hook_calls"`
	Unknown   int `json:"payment_unknown"`
	Paid      int `json:"paid"`
	Closed    int `json:"closed"`
	// HookedTwice are orders with more than one call, HookMissed those whose question has
	// ended without one, or that have one without the end; Wrong are orders that are not
	// in the state of which the channel spoke. All are 0, or a promise was broken.
	HookedTwice int `json:"hook_called_twice"`
	HookMissed  int `json:"hook_not_called"`
	Wrong       int `json:"not_as_the_channel_says"`
	// PaidAndClosed are closed orders with an accepted payment: 0, or a promise was broken.
	PaidAndClosed int  `json:"paid_and_closed"`
	OK            bool `json:"ok"`

	// BadOrders name the first of what is wrong, if anything is.
	BadOrders []string `json:"bad_orders,omitempty"`
}

func (s QuestionSummary) kept() bool {
	return s.HookedTwice == 0 && s.HookMissed == 0 && s.Wrong == 0 && s.PaidAndClosed == 0
}

func (s QuestionSummary) broken() []string {
	if s.kept() {
		return nil
	}
	return []string{fmt.Sprintf("%d hooks called twice, %d not called, %d orders not as the channel says, %d paid and closed%s",
		s.HookedTwice, s.HookMissed, s.Wrong, s.PaidAndClosed, named(s.BadOrders))}
}

// compareQuestions holds the channels' log, the shop's and its books against each other.
// It is pure; the figures that all scenes have are not in it.
func compareQuestions(of logs, standings []standing, b books) QuestionSummary {
	var s QuestionSummary
	said := make(map[string]state)
	for _, r := range of.requests {
		if r.acknowledged {
			said[r.orderNo] = r.says
		}
	}
	stands := make(map[subject]outbox.State, len(standings))
	for _, stand := range standings {
		stands[subject{stand.ID, stand.OrderNo}] = stand.State
	}
	for _, o := range of.orders {
		if o.fate == committed && s.judge(stands[subject{o.id, o.no}], said[o.no], b.of(o.no)) {
			s.BadOrders = firstOf(append(s.BadOrders, o.no))
		}
	}
	return s
}

// judge counts one order, and tells whether something is wrong with it.
func (s *QuestionSummary) judge(stands outbox.State, said state, p page) (bad bool) {
	count := func(in *int, when bool) {
		if when {
			*in++
			bad = true
		}
	}
	final, lost := p.calls["payment_final"], p.calls["payment_unknown"]
	s.HookCalls += final + lost
	s.Unknown += lost
	switch state(p.state) {
	case tradePaid:
		s.Paid++
	case tradeClosed:
		s.Closed++
	case tradeAbsent, tradeWaiting: // unpaid
	}
	count(&s.HookedTwice, final+lost > 1)
	count(&s.HookMissed, (stands == outbox.Acknowledged) != (final > 0) || (stands == outbox.Exhausted) != (lost > 0))
	count(&s.Wrong, final > 0 && state(p.state) != said)
	count(&s.PaidAndClosed, p.state == "closed" && p.accepted > 0)
	return bad
}
