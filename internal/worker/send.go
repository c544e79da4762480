package worker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// errand is a claim on its way to be carried.
type errand struct {
	claim    *outbox.Claim
	others   []*outbox.Claim // that share its request
	endpoint *outbox.Endpoint
	slow     bool      // it has a slow slot, and needs no other
	probe    bool      // to see whether the endpoint is there again
	trial    bool      // to see whether our network is
	at       time.Time // not before this time, by the endpoint's rate; zero: at once
}

// slotWait is how long a claimed row may wait for a slot: another worker may have
// one. Rows are claimed ahead by 10 ms, so that it happens where more endpoints that were
// fast begin to hang than there are slow slots.
const slotWait = slowAfter + 500*time.Millisecond

// send gives slots to claimed rows, fetches what to send for those that have one,
// and starts them, while the next rows are claimed. What gets no slot in
// time, or before ctx ends, is handed back.
func (w *Worker) send(ctx, delivering context.Context) {
	for batch := range w.claimed {
		for len(batch) > 0 {
			n := w.take(ctx, batch)
			if n == 0 {
				w.slots.abandon(batch)
				w.handBackAll(batch, "no request could be begun in time; nothing was sent")
				break
			}
			if w.faults.meet("fetch", w.startAll(context.WithoutCancel(ctx), delivering, batch[:n])) {
				w.backOff(ctx)
			}
			batch = batch[n:]
		}
	}
}

// take gives slots to the first rows of a batch, and returns to how many. Those for slow
// slots come first, and have one.
func (w *Worker) take(ctx context.Context, batch []errand) (n int) {
	for n < len(batch) && batch[n].slow {
		n++
	}
	if n > 0 {
		return n
	}
	ctx, cancel := context.WithTimeout(ctx, slotWait)
	defer cancel()
	return w.slots.take(ctx, batch)
}

// startAll fetches what to send and starts every claim that has something. The others
// give back their slots.
func (w *Worker) startAll(ctx, delivering context.Context, batch []errand) error {
	claims := make([]*outbox.Claim, 0, len(batch))
	for _, e := range batch {
		claims = append(claims, e.claims()...)
	}
	gone, err := w.Claims.Fill(ctx, claims)
	if err != nil && len(batch) > 1 && !isAway(err) {
		return w.startEach(ctx, delivering, batch)
	}
	if err != nil {
		for _, e := range batch {
			w.slots.giveBack(e)
		}
		w.handBackAll(batch, "what to send could not be read; nothing was sent")
		return err
	}
	missing := make(map[*outbox.Claim]bool, len(gone))
	for _, claim := range gone {
		missing[claim] = true
	}
	for _, e := range batch {
		left, ok := e.without(func(claim *outbox.Claim) bool { return w.unmade(claim, missing[claim]) })
		if !ok {
			w.slots.giveBack(e)
			w.network.untried(e.trial)
			w.breakers.saw(e.claim.Endpoint, &outbox.Result{Outcome: outbox.OutcomeRejected}, e.probe)
			continue
		}
		for _, claim := range left.claims() {
			address(claim, left.endpoint)
		}
		w.start(delivering, left)
	}
	return nil
}

// unmade ends a row of which no request can be made, and tells whether it did.
func (w *Worker) unmade(claim *outbox.Claim, missing bool) bool {
	switch {
	case missing:
		w.endGone(claim)
	case claim.Fault != "":
		w.reject(claim, claim.Fault+"; nothing was sent")
	default:
		return false
	}
	return true
}

// startEach starts claims of which one cannot be read one by one: it holds up no other.
func (w *Worker) startEach(ctx, delivering context.Context, batch []errand) (err error) {
	for i := range batch {
		err = errors.Join(err, w.startAll(ctx, delivering, batch[i:i+1]))
		if err != nil && i == 0 {
			// It may be all of them: those that were claimed are given up slowly.
			w.backOff(ctx)
		}
	}
	return err
}

// start has a claim carried, by a goroutine that has nothing to do, or a new one.
// They are kept: their stacks have grown to what a request needs, which is 2 us of
// the 22 us that a delivery takes. There are about as many as slots.
func (w *Worker) start(delivering context.Context, e errand) {
	select {
	case w.errands <- e:
	default:
		w.carriers.Go(func() {
			w.runErrand(delivering, e)
			for e := range w.errands {
				w.runErrand(delivering, e)
			}
		})
	}
}

// unsendable says why a claim that has waited must not be sent any more.
func (w *Worker) unsendable(e errand) string {
	switch {
	case slices.ContainsFunc(e.claims(), func(claim *outbox.Claim) bool { return !w.leases.lasts(claim) }):
		return "the lease had ended before anything was sent"
	case !e.probe && w.breakers.isOpen(e.claim.Endpoint):
		return "the endpoint's breaker has opened; nothing was sent"
	}
	return ""
}

// runErrand carries a claim, unless it must not be sent any more, and frees its slot.
func (w *Worker) runErrand(delivering context.Context, e errand) {
	if !e.at.IsZero() {
		sleep(delivering, time.Until(w.limits.pace(e.claim.Endpoint, e.at)))
	}
	if why := w.unsendable(e); why != "" {
		w.slots.giveBack(e)
		w.handBack(e, why)
		return
	}
	flight := w.slots.begin(e)
	result := w.carry(delivering, e)
	w.network.untried(e.trial)
	w.breakers.saw(e.claim.Endpoint, &result, e.probe)
	w.slots.end(flight, result.Outcome != outbox.OutcomeInterrupted)
}
