package model_test

import (
	"github.com/orderbell/orderbell/internal/outbox"
)

// Bounds of what fits on paper.
const (
	paperRows     = 2
	paperAttempts = 4
)

// sheet is the tables, and what the workers hold in memory. It is copied by
// assignment, so that a search can go on from any situation.
type sheet struct {
	rows  [paperRows]paperRow
	hands [3][paperRows][paperAttempts]paperHand // by worker, notification and attempt - 1
	open  bool                                   // the business transaction
}

// paperRow is a notification in the tables.
type paperRow struct {
	delivery struct {
		there                    bool
		state                    outbox.State
		attempts, rung, unknowns int8
		holder                   int8 // claimed_by
		orphaned                 bool // its process has died: nobody has that token any more
		over                     bool // leased_until has passed
		wait                     int8 // hours until next_attempt_at
		endsAs                   outbox.State
	}
	finished struct {
		state          outbox.State
		attempts, rung int8
	}
	attempts [paperAttempts]struct {
		outcome outbox.Outcome
		worker  int8
	}
	locked bool // the business transaction cancels it
	broken bool // a statement wrote what a key or a CHECK forbids
}

// paperHand is an attempt that a worker has in hand, with what its claim said.
type paperHand struct {
	there, lapse, sent bool
	worker             int8 // who made the attempt
	rung, unknowns     int8
	outcome            outbox.Outcome
}

// paper makes steps on a sheet by rules, which a test may break.
type paper struct {
	sheet
	rules rules
}

func (p *paper) do(does step) (said reply) {
	switch does.kind {
	case enqueue:
		d := &p.rows[does.order-1].delivery
		d.there, d.state = true, outbox.Pending
		said.number = does.order - 1
	case cancel:
		said.number = p.cancel(does)
	case commit, rollback:
		p.close(does.kind == commit)
	case claim:
		said.claims = p.claim(does)
	case reclaim:
		said.claims = p.inFlight(does.worker, func(r *paperRow) bool {
			return int(r.delivery.holder) == does.worker && !r.delivery.orphaned
		}, paperHand{})
	case find:
		said.claims = p.inFlight(does.worker, func(r *paperRow) bool { return r.delivery.over },
			paperHand{lapse: true, outcome: outbox.OutcomeUnknown})
	case answer:
		p.hand(does.worker, does.of[0]).outcome = does.outcome
	case settle:
		if does.outcome != "" {
			p.hand(does.worker, does.of[0]).outcome = does.outcome
		}
		said = p.settle(does)
	case renew:
		said.rows = p.renew(does.worker)
	case crash:
		p.crash(does.worker)
	case expire:
		p.rows[does.row].delivery.over = true
	case pass:
		p.rows[does.row].delivery.wait = 0
	}
	return said
}

func (p *paper) hand(worker int, of token) *paperHand {
	return &p.hands[worker][of.row][of.attempt-1]
}

// cancel knows of one notification for each order.
func (p *paper) cancel(does step) int {
	r := &p.rows[does.order-1]
	if !r.delivery.there {
		return 0
	}
	if does.inTx {
		p.open, r.locked = true, true
	} else {
		r.cancel()
	}
	return 1
}

func (r *paperRow) cancel() {
	if r.delivery.state == outbox.InFlight {
		if r.delivery.endsAs != outbox.Acknowledged {
			r.delivery.endsAs = outbox.Cancelled
		}
		return
	}
	r.end(outbox.Cancelled, r.delivery.rung)
}

// end moves a row from delivery to finished.
func (r *paperRow) end(state outbox.State, rung int8) {
	r.broken = r.broken || r.finished.state != ""
	r.finished.state, r.finished.attempts, r.finished.rung = state, r.delivery.attempts, rung
	r.delivery = paperRow{}.delivery
}

func (p *paper) close(committed bool) {
	p.open = false
	for i := range p.rows {
		if r := &p.rows[i]; r.locked {
			r.locked = false
			if committed && r.delivery.there {
				r.cancel()
			}
		}
	}
}

// claim is sql/claim.sql, of an endpoint with one notification.
func (p *paper) claim(does step) []claimed {
	r := &p.rows[does.endpoint-1]
	if !r.delivery.there || r.locked || !p.rules.claimable(r) {
		return nil
	}
	d := &r.delivery
	d.state, d.holder, d.orphaned, d.over = outbox.InFlight, int8(does.worker), false, false
	d.attempts++
	if does.hearing == heard {
		*p.hand(does.worker, token{does.endpoint - 1, int(d.attempts)}) = paperHand{
			there: true, worker: d.holder, rung: d.rung, unknowns: d.unknowns,
		}
	}
	return []claimed{r.claimed(does.endpoint - 1)}
}

func (r *paperRow) claimed(row int) claimed {
	d := &r.delivery
	return claimed{token{row, int(d.attempts)}, int(d.rung), int(d.unknowns)}
}

// inFlight is sql/reclaim.sql and sql/lapsed.sql: what they find is taken in hand.
func (p *paper) inFlight(worker int, which func(*paperRow) bool, as paperHand) (all []claimed) {
	for row := range p.rows {
		r := &p.rows[row]
		if !r.delivery.there || r.delivery.state != outbox.InFlight || !which(r) {
			continue
		}
		c := r.claimed(row)
		all = append(all, c)
		if h := p.hand(worker, c.token); !h.there {
			*h = as
			h.there, h.worker, h.rung, h.unknowns = true, r.delivery.holder, r.delivery.rung, r.delivery.unknowns
		}
	}
	return all
}

// renew is sql/renew.sql, for the latest attempt of each notification in hand.
func (p *paper) renew(worker int) (rows []int) {
	for row := range p.rows {
		r := &p.rows[row]
		for attempt := paperAttempts; attempt > 0; attempt-- {
			h := p.hand(worker, token{row, attempt})
			if !h.there || h.lapse {
				continue
			}
			if r.delivery.there && r.delivery.state == outbox.InFlight && !r.locked && p.rules.renews(r, attempt, worker) {
				r.delivery.over = false
				rows = append(rows, row)
			}
			break
		}
	}
	return rows
}

func (p *paper) crash(worker int) {
	p.hands[worker] = sheet{}.hands[worker]
	for i := range p.rows {
		if d := &p.rows[i].delivery; int(d.holder) == worker {
			d.orphaned = true
		}
	}
}
