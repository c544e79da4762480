package worker

import (
	"context"
	"errors"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// claims are what an errand carries: one, or those that share a request.
func (e errand) claims() []*outbox.Claim {
	return append([]*outbox.Claim{e.claim}, e.others...)
}

// without leaves out claims of which nothing can be sent; ok is false where none is left.
func (e errand) without(gone func(*outbox.Claim) bool) (_ errand, ok bool) {
	if len(e.others) == 0 {
		return e, !gone(e.claim)
	}
	var left []*outbox.Claim
	for _, claim := range e.claims() {
		if !gone(claim) {
			left = append(left, claim)
		}
	}
	if len(left) == 0 {
		return e, false
	}
	e.claim, e.others = left[0], left[1:]
	return e, true
}

// perRequest is how many rows of a portion share a request at the most. What may be what
// kills workers goes alone, and so does what finds something out.
func (p *portion) perRequest() int {
	if p.suspects || p.probe || p.trial {
		return 1
	}
	return max(p.batch, 1)
}

// requests is how many requests that many rows need.
func (p *portion) requests(rows int) int { return (rows + p.perRequest() - 1) / p.perRequest() }

// carryBatch carries claims that share requests. Each has an attempt and a verdict of its
// own. It returns the first result: they tell the same of how the endpoint is.
func (w *Worker) carryBatch(ctx context.Context, e errand) outbox.Result {
	began := time.Now()
	claims := e.claims()
	leased := ctx
	for _, claim := range claims {
		claim.At = w.clock.now()
		during, done := w.leases.during(leased, claim)
		defer done()
		leased = during
	}
	results := w.Courier.DeliverBatch(leased, claims)
	settled := make([]<-chan struct{}, len(claims))
	for i, claim := range claims {
		if results[i].Outcome == outbox.OutcomeInterrupted && errors.Is(context.Cause(leased), errLeaseOver) {
			results[i].Outcome, results[i].Error = outbox.OutcomeUnknown, leaseOver
		}
		w.network.weigh(claim.Endpoint, &results[i])
		settled[i] = w.judge(claim, results[i], began)
	}
	hooked(ctx, settled...)
	return results[0]
}
