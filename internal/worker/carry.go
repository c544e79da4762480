package worker

import (
	"context"
	"errors"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// leaseOver is what is known of an attempt that was cut.
const leaseOver = "the lease could not be renewed in time; the endpoint may or may not have been told"

// carry takes one errand through deliver, judge, settle. It returns the result, or the
// first of a batch.
func (w *Worker) carry(ctx context.Context, e errand) outbox.Result {
	if e.endpoint.Action != "" {
		return w.act(ctx, e)
	}
	if e.endpoint.BatchSize > 0 {
		return w.carryBatch(ctx, e)
	}
	began := time.Now()
	e.claim.At = w.clock.now()
	result := w.deliver(ctx, e.claim)
	w.network.weigh(e.claim.Endpoint, &result)
	hooked(ctx, w.judge(e.claim, result, began))
	return result
}

// judge decides where a row goes now, and has that written down. What it returns is closed
// when a row with a hook is.
func (w *Worker) judge(claim *outbox.Claim, result outbox.Result, began time.Time) (settled <-chan struct{}) {
	claim.Body = "" // results may wait for the database; their bodies need not
	return w.settle(&outbox.Settlement{
		Claim: claim, Result: result, Verdict: claim.Policy.Judge(claim, result), Began: began, Worker: w.Name,
	})
}

// deliver makes the attempt while the lease lasts. Where it could not be renewed, what
// has no answer by then is unknown: another worker may be sending it.
func (w *Worker) deliver(ctx context.Context, claim *outbox.Claim) outbox.Result {
	leased, done := w.leases.during(ctx, claim)
	defer done()
	result := w.Courier.Deliver(leased, claim)
	if result.Outcome == outbox.OutcomeInterrupted && errors.Is(context.Cause(leased), errLeaseOver) {
		result.Outcome = outbox.OutcomeUnknown
		result.Error = leaseOver
	}
	return result
}

// handBack ends attempts of which nothing was sent: their rows are due at once, for
// anybody.
func (w *Worker) handBack(e errand, why string) {
	result := outbox.Result{Outcome: outbox.OutcomeInterrupted, Error: why}
	w.network.untried(e.trial)
	w.breakers.saw(e.claim.Endpoint, &result, e.probe)
	for _, claim := range e.claims() {
		w.judge(claim, result, time.Now())
	}
}

func (w *Worker) handBackAll(batch []errand, why string) {
	for _, e := range batch {
		w.handBack(e, why)
	}
}

// endGone ends a row whose notification is there no more.
func (w *Worker) endGone(claim *outbox.Claim) {
	w.Log.Error("a notification is gone, its delivery ends rejected", keyNotification, outbox.FormatID(claim.ID), keyEndpoint, claim.Endpoint)
	w.reject(claim, "the notification's row is gone; nothing was sent")
}

// reject ends a row of which no request can be made.
func (w *Worker) reject(claim *outbox.Claim, why string) {
	w.judge(claim, outbox.Result{Outcome: outbox.OutcomeRejected, Error: why}, time.Now())
}
