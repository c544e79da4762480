package model_test

import (
	"fmt"
	"slices"

	"github.com/orderbell/orderbell/internal/outbox"
)

// model is all there is: notifications, what two workers have in hand, and the
// business transaction that may be open.
type model struct {
	ladder        ladder
	endpoints     int
	notifications []*notification
	hands         [3][]hand // by worker; nobody is worker 0
	open          bool      // a business transaction is
}

// hand is an attempt that a worker has in hand: its request is under way, or its
// result is still to be settled.
type hand struct {
	token
	lapse bool // somebody's whose lease has ended: to be settled as unknown
	result
	sent bool
}

func (h hand) answered() bool { return h.outcome != "" }

// endpointOf spreads orders over endpoints, which are counted from 1.
func (m *model) endpointOf(order int) int { return 1 + (order-1)%m.endpoints }

func (m *model) clone() *model {
	c := *m
	c.notifications = make([]*notification, len(m.notifications))
	for i, n := range m.notifications {
		c.notifications[i] = n.clone()
	}
	for w := range m.hands {
		c.hands[w] = slices.Clone(m.hands[w])
	}
	return &c
}

func (m *model) standings() []standing {
	all := make([]standing, len(m.notifications))
	for i, n := range m.notifications {
		all[i] = n.standing(m.ladder)
	}
	return all
}

// do makes a step, and returns why that cannot have been its reply.
func (m *model) do(s step, got reply) error {
	if s.kind == claim {
		return m.claim(s, got)
	}
	wanted := m.expect(s)
	if !wanted.equal(got) {
		return fmt.Errorf("it replied %s, and should have %s", got, wanted)
	}
	return nil
}

// expect makes a step, and says what its reply should be.
func (m *model) expect(s step) reply {
	switch s.kind {
	case enqueue:
		return reply{number: m.enqueue(s)}
	case cancel:
		return reply{number: m.cancel(s)}
	case commit, rollback:
		m.close(s.kind == commit)
	case reclaim:
		return reply{claims: m.reclaim(s.worker)}
	case find:
		return reply{claims: m.find(s.worker)}
	case answer:
		m.answer(s)
	case settle:
		if s.outcome != "" {
			m.answer(s)
		}
		return m.settle(s)
	case renew:
		return reply{rows: m.renew(s.worker)}
	case crash:
		m.crash(s.worker)
	case expire:
		m.notifications[s.row].over = true
	case pass:
		m.notifications[s.row].wait = 0
	}
	return reply{}
}

// owner finds the notification that took a dedupe key first.
func (m *model) owner(order, key int) (row int, found bool) {
	row = slices.IndexFunc(m.notifications, func(n *notification) bool {
		return key > 0 && n.key == key && n.endpoint == m.endpointOf(order) && n.duplicateOf == 0 && !n.undone
	})
	return row, row >= 0
}

// enqueue returns the number of the new notification, or of the one that has its key.
func (m *model) enqueue(s step) int {
	owner, duplicate := m.owner(s.order, s.key)
	if duplicate && !s.plain {
		return owner
	}
	n := &notification{order: s.order, endpoint: m.endpointOf(s.order), key: s.key, unseen: s.inTx}
	if duplicate {
		n.duplicateOf, n.ending = owner+1, outbox.Cancelled
	}
	m.open = m.open || s.inTx
	m.notifications = append(m.notifications, n)
	return len(m.notifications) - 1
}

// cancel returns how many it has ended or marked.
func (m *model) cancel(s step) (count int) {
	m.open = m.open || s.inTx
	for _, n := range m.notifications {
		if n.order != s.order || n.undone || n.unseen && !s.inTx || n.ending != "" {
			continue
		}
		if n.locked && !n.inFlight() {
			continue // the same transaction has ended it before
		}
		count++
		if s.inTx {
			n.locked = true
		} else {
			n.cancel(m.ladder)
		}
	}
	return count
}

// close ends the business transaction.
func (m *model) close(committed bool) {
	m.open = false
	for _, n := range m.notifications {
		n.undone = n.undone || n.unseen && !committed
		if n.locked && committed {
			n.cancel(m.ladder)
		}
		n.unseen, n.locked = false, false
	}
}
