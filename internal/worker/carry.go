package worker

import (
	"context"
	"errors"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// carry takes one claim through deliver, judge, settle.
func (w *Worker) carry(ctx context.Context, claim *outbox.Claim) outbox.Result {
	began := time.Now()
	claim.At = w.clock.now()
	result := w.deliver(ctx, claim)
	w.network.weigh(claim.Endpoint, &result)
	claim.Body = "" // results may wait for the database; their bodies need not
	verdict := claim.Policy.Judge(claim, result)
	w.settler.settle(&outbox.Settlement{
		Claim: claim, Result: result, Verdict: verdict, Began: began, Worker: w.Name,
	})
	return result
}

// deliver makes the attempt while the lease lasts. Where it could not be renewed, what
// has no answer by then is unknown: another worker may be sending it.
func (w *Worker) deliver(ctx context.Context, claim *outbox.Claim) outbox.Result {
	leased, done := w.leases.during(ctx, claim)
	defer done()
	result := w.Courier.Deliver(leased, claim)
	if result.Outcome == outbox.OutcomeInterrupted && errors.Is(context.Cause(leased), errLeaseOver) {
		result.Outcome = outbox.OutcomeUnknown
		result.Error = "the lease could not be renewed in time; the endpoint may or may not have been told"
	}
	return result
}

// handBack ends an attempt of which nothing was sent: the row is due at once, for
// anybody.
func (w *Worker) handBack(e errand, why string) {
	w.conclude(e, outbox.Result{Outcome: outbox.OutcomeInterrupted, Error: why})
}

func (w *Worker) handBackAll(batch []errand, why string) {
	for _, e := range batch {
		w.handBack(e, why)
	}
}

// endGone ends a row whose notification is there no more.
func (w *Worker) endGone(e errand) {
	claim := e.claim
	w.Log.Error("a notification is gone, its delivery ends rejected", keyNotification, outbox.FormatID(claim.ID), keyEndpoint, claim.Endpoint)
	w.reject(e, "the notification's row is gone; nothing was sent")
}

// reject ends a row of which no request can be made.
func (w *Worker) reject(e errand, why string) {
	w.conclude(e, outbox.Result{Outcome: outbox.OutcomeRejected, Error: why})
}

// conclude settles an errand that was not carried.
func (w *Worker) conclude(e errand, result outbox.Result) {
	claim := e.claim
	w.network.untried(e.trial)
	w.breakers.saw(claim.Endpoint, &result, e.probe)
	w.settler.settle(&outbox.Settlement{
		Claim: claim, Result: result, Verdict: claim.Policy.Judge(claim, result), Began: time.Now(), Worker: w.Name,
	})
}
