package demo

import (
	"fmt"
	"time"
)

// CloseSummary is what came of the scene close. Attempts are the calls of the action that
// the shop's journal has, and Withdrawn the closings that were cancelled by a payment.
type CloseSummary struct {
	Figures
	Paid   int `json:"paid"`
	Closed int `json:"closed"`
	Open   int `json:"open"`
	// Raced are the payments that came about when the order was closed, TooLate those that
	// were refused.
	Raced   int `json:"raced"`
	TooLate int `json:"paid_too_late"`
	// PaidAndClosed are orders that are closed although a payment was accepted, by the
	// payers' own account or by the shop's table; ClosedTwice those that two calls have
	// closed; ClosedEarly those whose time was not over; Refused those that are neither
	// closed nor paid otherwise, and refused a payment. All are 0, or a promise was broken.
	PaidAndClosed int  `json:"paid_and_closed"`
	ClosedTwice   int  `json:"closed_twice"`
	ClosedEarly   int  `json:"closed_early"`
	Refused       int  `json:"refused_while_open"`
	OK            bool `json:"ok"`

	// BadOrders name the first of what is wrong, if anything is.
	BadOrders []string `json:"bad_orders,omitempty"`
}

func (s CloseSummary) kept() bool {
	return s.PaidAndClosed == 0 && s.ClosedTwice == 0 && s.ClosedEarly == 0 && s.Refused == 0
}

func (s CloseSummary) broken() []string {
	if s.kept() {
		return nil
	}
	return []string{fmt.Sprintf("%d paid and closed, %d closed twice, %d closed too early, %d payments refused by orders that were open%s",
		s.PaidAndClosed, s.ClosedTwice, s.ClosedEarly, s.Refused, named(s.BadOrders))}
}

// compareClosing holds what payers were told against the shop's books. after is how long
// an order stays open. It is pure; the figures that all scenes have are not in it.
func compareClosing(orders []order, payers map[string]payer, b books, after time.Duration) CloseSummary {
	var s CloseSummary
	for _, o := range orders {
		if o.fate != committed {
			continue
		}
		paid, came := payers[o.no]
		if came && !o.withdrawn {
			s.Raced++
		}
		if s.judge(b.of(o.no), paid, came && paid.fate == committed, after) {
			s.BadOrders = firstOf(append(s.BadOrders, o.no))
		}
	}
	return s
}

// judge counts one order, and tells whether something is wrong with it. told: its payer
// knows what became of the payment.
func (s *CloseSummary) judge(p page, paid payer, told bool, after time.Duration) (bad bool) {
	count := func(in *int, when bool) {
		if when {
			*in++
			bad = true
		}
	}
	switch p.state {
	case "paid":
		s.Paid++
	case "closed":
		s.Closed++
	default:
		s.Open++
	}
	if told && !paid.accepted {
		s.TooLate++
		count(&s.Refused, p.state != "closed")
	}
	count(&s.PaidAndClosed, p.state == "closed" && (p.accepted > 0 || told && paid.accepted) || p.state == "paid" && p.closings > 0)
	count(&s.ClosedTwice, p.closings > 1)
	count(&s.ClosedEarly, p.closings > 0 && p.openFor < after)
	return bad
}
