package worker

import (
	"context"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// serve claims for the lanes whose turn it is, until none has anything, or it is time for
// another look. It returns how many rows it claimed, and whether it has waited for a slot
// in vain.
func (w *Worker) serve(ctx context.Context) (claimed int, waited bool) {
	until := time.Now().Add(w.schedule.lookPause())
	for ctx.Err() == nil && !w.nothingToServe() {
		// What is known is written down before more is begun.
		if w.settler.behind() || w.settler.crowded(w.slots.most) {
			return claimed, false
		}
		room := w.slots.room(ctx, &w.lanes, w.schedule.lookPause())
		if room.none() {
			return claimed, true
		}
		if w.faults.fails("fetch") {
			room.prompt = min(room.prompt, 1) // each that cannot be read is an attempt that comes to nothing
		}
		n, err := w.claim(ctx, w.turn(&w.lanes, room))
		claimed += n
		if w.faults.meet("claim", err) {
			w.backOff(ctx)
			return claimed, false
		}
		if time.Now().After(until) || w.network.isDown() {
			return claimed, false
		}
	}
	return claimed, false
}

// claim claims for one turn of lanes, and hands the rows on to be sent.
func (w *Worker) claim(ctx context.Context, turn []*portion) (claimed int, err error) {
	if len(turn) == 0 {
		return 0, nil
	}
	// Not to be cut short by a stop: a claim that may or may not have happened
	// would cost its rows a lease.
	ctx = context.WithoutCancel(ctx)
	sent := time.Now()
	turn, claims, err := w.ask(ctx, turn)
	if err != nil {
		return 0, err
	}
	w.handOn(claims, turn, sent)
	if len(claims) == 0 {
		return 0, nil
	}
	return len(claims), w.directory.refresh(ctx, endpointsOf(turn, (*portion).id), fresh)
}

// ask claims for a turn of lanes, and returns what it has claimed for. Where that fails
// they get the turn back.
func (w *Worker) ask(ctx context.Context, turn []*portion) ([]*portion, []*outbox.Claim, error) {
	w.schedule.owed = true
	err := w.recall(ctx)
	if err == nil {
		err = w.directory.refresh(ctx, endpointsOf(turn, (*portion).id), stale)
	}
	if err != nil {
		w.refuseAll(turn)
		return nil, nil, err
	}
	turn, err = w.admit(ctx, turn)
	if err != nil || len(turn) == 0 {
		return nil, nil, err
	}
	sent := time.Now()
	lanes := lanesOfTurn(turn)
	claims, err := w.Claims.Claim(ctx, lanes, w.directory.working(), w.directory.signing())
	if err != nil {
		w.refuseAll(turn)
		w.doubt.note(lanes, sent, err)
		return nil, nil, err
	}
	w.keep(turn, claims)
	return turn, claims, nil
}

// keep puts the lanes whose claim was filled back at the end of their round: they may
// have more, from where they have got to.
func (w *Worker) keep(turn []*portion, claims []*outbox.Claim) {
	last := make(map[string]time.Time, len(turn)) // when the last of their rows was due
	rows := make(map[string]int, len(turn))
	for _, claim := range claims {
		rows[claim.Endpoint]++
		if claim.Due.After(last[claim.Endpoint]) {
			last[claim.Endpoint] = claim.Due
		}
	}
	for _, p := range turn {
		p.claimed = p.requests(rows[p.endpoint])
		if p.claimed == 0 {
			w.unsent(p)
		}
		if rows[p.endpoint] >= p.take*p.perRequest() {
			p.of.enter(&lane{endpoint: p.endpoint, from: last[p.endpoint]})
		}
	}
}

// handOn passes on claims that were sent at that time, to be carried. turn is what they
// were claimed for; none where that is not known any more.
func (w *Worker) handOn(claims []*outbox.Claim, turn []*portion, sent time.Time) {
	of := byEndpoint(turn)
	slow, prompt := make([]errand, 0, len(claims)), make([]errand, 0, len(claims))
	nth := make(map[string]int, len(turn))
	for _, e := range w.errandsOf(claims, of) {
		for _, claim := range e.claims() {
			w.leases.hold(claim, sent)
		}
		if p := of[e.claim.Endpoint]; p != nil {
			e.slow, e.probe, e.trial = p.slow, p.probe, p.trial
			if n := nth[p.endpoint]; n < len(p.times) {
				e.at = p.times[n]
			}
			nth[p.endpoint]++
		}
		if e.slow {
			slow = append(slow, e)
		} else {
			prompt = append(prompt, e)
		}
	}
	batch := append(slow, prompt...)
	w.slots.expect(batch)
	for _, p := range turn {
		w.slots.unused(p, p.held-p.claimed)
		w.limits.settle(p, p.claimed)
	}
	if len(batch) > 0 {
		w.claimed <- batch
	}
}

// errandsOf are the errands of claims: one each, or one for those that share a request.
func (w *Worker) errandsOf(claims []*outbox.Claim, of map[string]*portion) []errand {
	errands := make([]errand, 0, len(claims))
	open := make(map[string]int) // where the last errand of an endpoint with batches is
	for _, claim := range claims {
		endpoint := w.directory.resolve(claim)
		p := of[claim.Endpoint]
		if p == nil || p.perRequest() == 1 {
			errands = append(errands, errand{claim: claim, endpoint: endpoint})
			continue
		}
		if at, ok := open[claim.Endpoint]; ok && len(errands[at].others)+1 < p.perRequest() {
			errands[at].others = append(errands[at].others, claim)
			continue
		}
		open[claim.Endpoint] = len(errands)
		errands = append(errands, errand{claim: claim, endpoint: endpoint})
	}
	return errands
}

func byEndpoint(turn []*portion) map[string]*portion {
	of := make(map[string]*portion, len(turn))
	for _, p := range turn {
		of[p.endpoint] = p
	}
	return of
}
