package model_test

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/orderbell/orderbell/internal/outbox"
)

// claim takes the store's word for which notifications it has taken, if these
// were to be had, and as many.
func (m *model) claim(s step, got reply) error {
	available := 0
	for _, n := range m.notifications {
		if n.endpoint == s.endpoint && n.claimable() {
			available++
		}
	}
	if wanted := min(available, s.take); len(got.claims) != wanted || got.failed != "" {
		return fmt.Errorf("it replied %s, and should have claimed %d", got, wanted)
	}
	for _, c := range got.claims {
		n := m.notifications[c.row]
		rungs, unknowns := spent(n.attempts)
		if !n.claimable() || n.endpoint != s.endpoint {
			return fmt.Errorf("it claimed notification %d, which it may not", c.row)
		}
		if wanted := (claimed{token{c.row, len(n.attempts) + 1}, rungs, unknowns}); c != wanted {
			return fmt.Errorf("it claimed %s, and should have %s", c, wanted)
		}
		n.begin(s.worker)
		if s.hearing == heard {
			m.take(s.worker, hand{token: c.token})
		}
	}
	return nil
}

func (m *model) take(worker int, h hand) {
	m.hands[worker] = append(m.hands[worker], h)
	slices.SortFunc(m.hands[worker], func(a, b hand) int {
		return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.attempt, b.attempt))
	})
}

func (m *model) hand(worker int, of token) *hand {
	for i := range m.hands[worker] {
		if h := &m.hands[worker][i]; h.token == of {
			return h
		}
	}
	return nil
}

// inFlight lists what is in flight, as a claim describes it.
func (m *model) inFlight(which func(*notification) bool) (all []claimed) {
	for row, n := range m.notifications {
		if n.visible() && n.inFlight() && which(n) {
			rungs, unknowns := spent(n.attempts)
			all = append(all, claimed{token{row, len(n.attempts)}, rungs, unknowns})
		}
	}
	return all
}

// reclaim takes in hand what this process has claimed and does not know of.
func (m *model) reclaim(worker int) []claimed {
	own := m.inFlight(func(n *notification) bool { return n.holder == worker && !n.orphaned })
	for _, c := range own {
		if m.hand(worker, c.token) == nil {
			m.take(worker, hand{token: c.token})
		}
	}
	return own
}

// find takes in hand the attempts whose lease has ended, but for the worker's own.
func (m *model) find(worker int) []claimed {
	lapsed := m.inFlight(func(n *notification) bool { return n.over })
	for _, c := range lapsed {
		if m.hand(worker, c.token) == nil {
			m.take(worker, hand{token: c.token, lapse: true, result: result{outcome: outbox.OutcomeUnknown}})
		}
	}
	return lapsed
}

func (m *model) answer(s step) {
	m.hand(s.worker, s.of[0]).result = result{outcome: s.outcome, retryAfter: s.retryAfter}
}

// settle settles results; what is held stays in hand.
func (m *model) settle(s step) (said reply) {
	for _, of := range s.of {
		h := m.hand(s.worker, of)
		h.sent = true
		keep := s.hearing != heard
		if s.hearing != lost {
			n := m.notifications[of.row]
			switch n.settle(of.attempt, h.result, s.worker, m.ladder) {
			case moves:
				state := n.standing(m.ladder).State
				if h.outcome == outbox.OutcomeAcknowledged {
					state = outbox.Acknowledged // also where it is only marked
				}
				said.moved = append(said.moved, moved{of.row, state})
			case held:
				if h.outcome != outbox.OutcomeUnknown { // a later look meets that again
					said.held = append(said.held, of.row)
					keep = true
				}
			case nothing:
			}
		}
		if !keep {
			m.hands[s.worker] = slices.DeleteFunc(m.hands[s.worker], func(h hand) bool { return h.token == of })
		}
	}
	return said
}

// renew lengthens the lease of what the worker has in hand, and still holds.
func (m *model) renew(worker int) (rows []int) {
	for row, n := range m.notifications {
		h := m.hand(worker, token{row, len(n.attempts)})
		if h != nil && !h.lapse && n.inFlight() && n.holder == worker && !n.orphaned && !n.locked {
			n.over = false
			rows = append(rows, row)
		}
	}
	return rows
}

func (m *model) crash(worker int) {
	m.hands[worker] = nil
	for _, n := range m.notifications {
		n.orphaned = n.orphaned || n.inFlight() && n.holder == worker
	}
}
