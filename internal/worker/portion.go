package worker

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	// othersRest is the rest of a lane whose limit other workers use up, or of which
	// another worker sends the probe.
	othersRest = 500 * time.Millisecond
	// probeGrace is how long another worker waits, after a probe's deadline, for what came
	// of it.
	probeGrace = 5 * time.Second
)

// portion is what one lane may begin now.
type portion struct {
	*lane
	of      *lanes        // where the lane belongs
	take    int           // requests
	claimed int           // of those
	batch   int           // rows that may share a request; 0: none
	ahead   time.Duration // how long before its time a row may be claimed that waits for others

	slow    bool // they take slow slots, and hold as many from now on as take said at first
	held    int
	crowded bool // it gets nothing because no slot is free, not because of its own requests

	suspects bool        // suspect rows, instead of the others
	sendable bool        // the endpoint's own policy works
	unsigned bool        // the endpoint has nothing to sign with
	probe    bool        // one row, to see whether the endpoint is there again
	trial    bool        // one row, to see whether our network is there again
	promised int         // slots of the endpoint's own limit
	times    []time.Time // when each may be sent; none: at once
	later    time.Time   // when to ask again, where the endpoint's rate allows nothing now
}

// id is its endpoint's.
func (p *portion) id() string { return p.endpoint }

// most is the most rows that it may claim.
func (p *portion) most() int {
	if p.suspects || p.trial {
		return 1
	}
	return math.MaxInt
}

// turn takes the lanes whose turn it is, and says how much each may claim.
func (w *Worker) turn(of *lanes, r room) []*portion {
	taken := of.next(r.prompt, r.slow)
	turn := make([]*portion, len(taken))
	for i, one := range taken {
		turn[i] = &portion{lane: one, of: of, suspects: of == &w.suspects.lanes}
	}
	turn = w.tryNetwork(turn)
	w.slots.divide(turn, r, w.breakers.window)
	return slices.DeleteFunc(turn, func(p *portion) bool {
		p.held = p.take
		if p.take > 0 {
			return false
		}
		w.unsent(p)
		switch {
		case !p.crowded:
			of.putOff(p.lane)
		case p.slow && !p.suspects: // those go one by one, whatever the slot
			of.queueSlow(p.lane)
		default:
			of.enter(p.lane)
		}
		return true
	})
}

// tryNetwork leaves, while our own network is gone, those that may find out whether it
// is back.
func (w *Worker) tryNetwork(turn []*portion) []*portion {
	if !w.network.isDown() {
		return turn
	}
	return slices.DeleteFunc(turn, func(p *portion) bool {
		p.trial = w.network.mayTry(p.endpoint)
		if !p.trial {
			p.of.enter(p.lane)
		}
		return !p.trial
	})
}

// refuse lets a portion go that claims nothing. Its lane has gone elsewhere.
func (w *Worker) refuse(p *portion) {
	w.limits.settle(p, 0)
	w.slots.unused(p, p.held)
	w.unsent(p)
}

// unsent gives back what a portion was to find out, where it claims nothing.
func (w *Worker) unsent(p *portion) {
	w.network.untried(p.trial)
	if p.probe {
		w.breakers.giveUp(p.endpoint)
	}
}

// refuseAll gives lanes back that could not be asked.
func (w *Worker) refuseAll(turn []*portion) {
	for _, p := range turn {
		w.refuse(p)
		p.of.enter(p.lane)
	}
}

// admit leaves the portions that may be claimed by what is known of their endpoints: that
// they exist, are not paused, that their breaker is closed, or open and lets a probe pass,
// and what their limits allow.
func (w *Worker) admit(ctx context.Context, turn []*portion) ([]*portion, error) {
	admitted := turn[:0:0]
	var probes []*portion
	for _, p := range turn {
		endpoint, read := w.directory.endpoint(p.endpoint)
		if endpoint == nil || endpoint.Paused {
			w.refuse(p) // a look names it again
			continue
		}
		p.sendable = w.directory.works(endpoint.Policy)
		p.batch, p.ahead = endpoint.BatchSize, endpoint.BatchWait
		p.unsigned = endpoint.Signature == "" && len(endpoint.Secrets) == 0
		switch may, until := w.breakers.admit(endpoint, read); may {
		case passes:
			admitted = append(admitted, p)
		case probing:
			probes = append(probes, p)
		case waiting:
			w.refuse(p)
			p.of.rest(p.lane, until)
		}
	}
	probes, err := w.probe(ctx, probes)
	admitted = append(admitted, probes...)
	if err == nil {
		err = w.limits.admit(ctx, admitted, w.directory)
	}
	if err != nil {
		w.refuseAll(admitted)
		return nil, err
	}
	return slices.DeleteFunc(admitted, w.limited), nil
}

// limited puts off a portion that the endpoint's limits leave nothing.
func (w *Worker) limited(p *portion) bool {
	if p.take > 0 {
		return false
	}
	w.refuse(p)
	switch {
	case !p.later.IsZero():
		p.of.rest(p.lane, p.later)
	case w.slots.full(p.endpoint):
		p.of.putOff(p.lane)
	default:
		p.of.rest(p.lane, together(time.Now()))
	}
	return true
}

// together is the end of a rest that many lanes have at once, so that one statement asks
// for all of them.
func together(now time.Time) time.Time { return now.Truncate(othersRest).Add(2 * othersRest) }

// probe leaves those of which this worker sends the probe: one over all workers.
func (w *Worker) probe(ctx context.Context, portions []*portion) ([]*portion, error) {
	if len(portions) == 0 {
		return nil, nil
	}
	won, err := w.Limits.Probe(ctx, endpointsOf(portions, (*portion).id), w.directory.longestTimeout()+probeGrace)
	if err != nil {
		return portions, err
	}
	return slices.DeleteFunc(portions, func(p *portion) bool {
		if slices.Contains(won, p.endpoint) {
			p.probe, p.take = true, 1
			return false
		}
		w.directory.expire(p.endpoint)
		w.refuse(p)
		p.of.rest(p.lane, time.Now().Add(othersRest))
		return true
	}), nil
}

// lanesOfTurn is how the database is asked.
func lanesOfTurn(turn []*portion) []outbox.Lane {
	lanes := make([]outbox.Lane, len(turn))
	for i, p := range turn {
		lanes[i] = outbox.Lane{
			Endpoint: p.endpoint, From: p.from, Take: p.take * p.perRequest(), Ahead: p.ahead,
			Suspects: p.suspects, Sendable: p.sendable, Unsigned: p.unsigned,
		}
	}
	return lanes
}
