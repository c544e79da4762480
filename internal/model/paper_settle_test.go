package model_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// rules are what a paper goes by: outbox, and the conditions in the statements.
type rules struct {
	judge func(*outbox.Claim, outbox.Result) outbox.Verdict
	// claimable is the condition of sql/claim.sql.
	claimable func(*paperRow) bool
	// fence is the condition of sql/settle.sql. mine: the worker that settles is the
	// one that holds the row.
	fence func(r *paperRow, attempt int, outcome outbox.Outcome, mine bool) bool
	// ends says how a row ends or goes on, by its verdict and by how it is to end.
	ends func(verdict, endsAs outbox.State) outbox.State
	// records tells whether an outcome is written down.
	records func(outbox.Outcome) bool
	// renews is the condition of sql/renew.sql.
	renews func(r *paperRow, attempt, worker int) bool
	// waits lets a row that is acknowledged late end with the attempt in flight.
	waits bool
	// leaves leaves the delivery row of a finished notification behind.
	leaves bool
}

// properRules are the rules as they should be, with the policy of a ladder.
func properRules(l ladder) rules {
	return rules{
		judge: l.policy().Judge,
		claimable: func(r *paperRow) bool {
			return r.delivery.state == outbox.Pending && r.delivery.wait == 0
		},
		fence: func(r *paperRow, attempt int, outcome outbox.Outcome, mine bool) bool {
			d := &r.delivery
			return outcome == outbox.OutcomeAcknowledged && attempt <= int(d.attempts) ||
				d.state == outbox.InFlight && int(d.attempts) == attempt && (outcome != outbox.OutcomeUnknown || mine || d.over)
		},
		ends: func(verdict, endsAs outbox.State) outbox.State {
			if endsAs != "" && verdict != outbox.Acknowledged {
				return endsAs
			}
			return verdict
		},
		waits:   true,
		records: func(outbox.Outcome) bool { return true },
		renews: func(r *paperRow, attempt, worker int) bool {
			return int(r.delivery.attempts) == attempt && int(r.delivery.holder) == worker && !r.delivery.orphaned
		},
	}
}

// settle is sql/settle.sql, and sql/unsettled.sql after it.
func (p *paper) settle(does step) (said reply) {
	before := p.sheet
	again := slices.ContainsFunc(does.of, func(of token) bool { return p.hand(does.worker, of).sent })
	for _, of := range does.of {
		p.hand(does.worker, of).sent = true
	}
	if does.hearing == lost {
		return reply{}
	}
	for _, of := range does.of {
		h := p.hand(does.worker, of)
		state, found, refused := p.settleOne(of, h, does.worker, again)
		switch {
		case refused:
			p.sheet = before
			return reply{failed: fmt.Sprintf("attempt %s is recorded twice", of)}
		case found:
			said.moved = append(said.moved, moved{of.row, state})
		case p.unsettled(of, h):
			said.held = append(said.held, of.row)
			continue
		}
		if does.hearing == heard {
			*h = paperHand{}
		}
	}
	return said
}

// settleOne records an attempt and moves its row. refused: the statement fails.
func (p *paper) settleOne(of token, h *paperHand, worker int, again bool) (state outbox.State, found, refused bool) {
	r := &p.rows[of.row]
	d := &r.delivery
	verdict := p.rules.judge(&outbox.Claim{Attempt: of.attempt, Rung: int(h.rung), Unknowns: int(h.unknowns)}, outbox.Result{Outcome: h.outcome})
	mine := int(d.holder) == worker && !d.orphaned
	fenced := d.there && p.rules.fence(r, of.attempt, h.outcome, mine)
	found = fenced && !r.locked
	late := found && (int(d.attempts) != of.attempt || d.state != outbox.InFlight)
	state = p.rules.ends(verdict.State, d.endsAs)

	recorded := &r.attempts[of.attempt-1]
	switch {
	case !p.rules.records(h.outcome):
	case found && !late && h.outcome != outbox.OutcomeUnknown && !again && recorded.outcome != "":
		return state, found, true
	case (found || h.outcome != outbox.OutcomeUnknown && !fenced) && recorded.outcome == "":
		recorded.outcome, recorded.worker = h.outcome, h.worker
	}
	switch {
	case !found:
	case late && d.state == outbox.InFlight && p.rules.waits:
		d.endsAs = outbox.Acknowledged
	case state == outbox.Pending:
		d.state, d.holder, d.orphaned, d.over = outbox.Pending, 0, false, false
		d.rung, d.unknowns, d.wait = int8(verdict.Rung), int8(verdict.Unknowns), int8(verdict.Wait/time.Hour)
	default:
		kept := *d
		rung := int8(verdict.Rung)
		if late {
			rung = d.rung
		}
		r.end(state, rung)
		if p.rules.leaves {
			*d = kept
		}
	}
	return state, found, false
}

// unsettled tells whether a result that moved nothing is to be settled again.
func (p *paper) unsettled(of token, h *paperHand) bool {
	d := &p.rows[of.row].delivery
	return d.there && h.outcome != outbox.OutcomeUnknown &&
		(d.state == outbox.InFlight && int(d.attempts) == of.attempt ||
			h.outcome == outbox.OutcomeAcknowledged && of.attempt <= int(d.attempts))
}
