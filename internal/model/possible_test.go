package model_test

import (
	"slices"

	"github.com/orderbell/orderbell/internal/outbox"
)

// scope bounds which steps there are.
type scope struct {
	rows, orders, keys int // rows: unfinished ones
	attempts           int // of a notification at the most; 0: any number
	takes              []int
	outcomes           []outbox.Outcome
	retryAfter         int    // hours that an answer may ask for; 0: none does
	lost               bool   // statements may be lost on their way
	deaf               bool   // their answers may be lost
	without            []kind // steps that are not made
	inVain             bool   // claims where there is nothing to claim
	// prompt makes of an answer and its first settling one step: until it is settled,
	// a result is as good as none, and there are far fewer situations.
	prompt bool
}

// possible lists the steps of a kind that can be made now. Those that would wait
// for the business transaction are left out: nobody would be there to end it.
func (m *model) possible(k kind, in scope) (steps []step) {
	if slices.Contains(in.without, k) {
		return nil
	}
	switch k {
	case enqueue:
		return m.enqueues(in)
	case cancel:
		return m.cancels(in)
	case commit, rollback:
		if m.open {
			steps = append(steps, step{kind: k})
		}
	case expire, pass:
		for row, n := range m.notifications {
			if n.visible() && !n.locked && (k == expire && n.inFlight() && !n.over || k == pass && n.waiting() && n.wait > 0) {
				steps = append(steps, step{kind: k, row: row})
			}
		}
	default:
		for worker := 1; worker <= 2; worker++ {
			steps = append(steps, m.workers(k, worker, in)...)
		}
	}
	return steps
}

func (m *model) enqueues(in scope) (steps []step) {
	unfinished := 0
	for _, n := range m.notifications {
		if !n.undone && n.ending == "" {
			unfinished++
		}
	}
	if unfinished >= in.rows {
		return nil
	}
	for order := 1; order <= in.orders; order++ {
		for key := 0; key <= in.keys; key++ {
			for _, inTx := range []bool{false, true} {
				if row, found := m.owner(order, key); found && m.notifications[row].unseen && !inTx {
					continue // it would wait for the first with this key
				}
				for _, plain := range []bool{false, true} {
					steps = append(steps, step{kind: enqueue, order: order, key: key, plain: plain, inTx: inTx})
				}
			}
		}
	}
	return steps
}

func (m *model) cancels(in scope) (steps []step) {
	for order := 1; order <= in.orders; order++ {
		free, locked := false, false
		for _, n := range m.notifications {
			if n.order == order && !n.undone && n.ending == "" {
				free, locked = free || !n.locked, locked || n.locked
			}
		}
		if free && !locked {
			steps = append(steps, step{kind: cancel, order: order})
		}
		if free {
			steps = append(steps, step{kind: cancel, order: order, inTx: true})
		}
	}
	return steps
}

// workers lists what a worker can do.
func (m *model) workers(k kind, worker int, in scope) (steps []step) {
	does := step{kind: k, worker: worker}
	hands := m.hands[worker]
	switch k {
	case claim:
		return m.claims(does, in)
	case reclaim:
		if slices.ContainsFunc(m.notifications, func(n *notification) bool { return n.inFlight() && n.holder == worker && !n.orphaned }) {
			steps = append(steps, does)
		}
	case answer:
		for _, h := range hands {
			if !h.answered() && !in.prompt {
				does.of = []token{h.token}
				steps = append(steps, answers(does, in)...)
			}
		}
	case find:
		if slices.ContainsFunc(m.notifications, func(n *notification) bool { return n.inFlight() && n.over }) {
			steps = append(steps, does)
		}
	case settle:
		return m.settles(does, in)
	case renew:
		if slices.ContainsFunc(hands, func(h hand) bool { return !h.lapse }) {
			steps = append(steps, does)
		}
	case crash:
		if len(hands) > 0 {
			steps = append(steps, does)
		}
	default:
	}
	return steps
}

func (m *model) claims(does step, in scope) (steps []step) {
	for does.endpoint = 1; does.endpoint <= m.endpoints; does.endpoint++ {
		there, full := false, false
		for _, n := range m.notifications {
			if n.endpoint == does.endpoint && n.visible() && n.ending == "" {
				there = there || in.inVain || n.claimable()
				full = full || in.attempts > 0 && len(n.attempts) >= in.attempts
			}
		}
		if !there || full {
			continue
		}
		for _, does.take = range in.takes {
			steps = append(steps, does)
		}
		if in.deaf {
			steps = append(steps, step{kind: claim, worker: does.worker, endpoint: does.endpoint, take: in.takes[0], hearing: unheard})
		}
	}
	return steps
}

func answers(does step, in scope) (steps []step) {
	for _, does.outcome = range in.outcomes {
		does.retryAfter = 0
		steps = append(steps, does)
		if does.outcome == outbox.OutcomeAnswered && in.retryAfter > 0 {
			does.retryAfter = in.retryAfter
			steps = append(steps, does)
		}
	}
	return steps
}

// settles lists each result alone, and all that are ready, one of each notification.
func (m *model) settles(does step, in scope) (steps []step) {
	var all []token
	for _, h := range m.hands[does.worker] {
		if !h.answered() && in.prompt {
			for _, hearing := range in.hearings() {
				if hearing != lost {
					first := step{kind: settle, worker: does.worker, of: []token{h.token}, hearing: hearing}
					steps = append(steps, answers(first, in)...)
				}
			}
		}
		if !h.answered() {
			continue
		}
		if len(all) == 0 || all[len(all)-1].row != h.row {
			all = append(all, h.token)
		}
		for _, hearing := range in.hearings() {
			if hearing != lost || !h.sent {
				does.of, does.hearing = []token{h.token}, hearing
				steps = append(steps, does)
			}
		}
	}
	if len(all) > 1 {
		does.of, does.hearing = all, heard
		steps = append(steps, does)
	}
	return steps
}

// hearings are how much of a settling its worker may learn.
func (in scope) hearings() (all []string) {
	all = append(all, heard)
	if in.deaf {
		all = append(all, unheard)
	}
	if in.lost {
		all = append(all, lost)
	}
	return all
}
