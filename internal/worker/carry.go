package worker

import (
	"context"
	"errors"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// carry takes one claim through deliver, judge, settle.
func (w *Worker) carry(ctx context.Context, claim *outbox.Claim) {
	began := time.Now()
	result := w.deliver(ctx, claim)
	claim.Body = "" // results may wait for the database; their bodies need not
	verdict := claim.Policy.Judge(claim, result)
	w.settler.settle(&outbox.Settlement{
		Claim: claim, Result: result, Verdict: verdict, Began: began, Worker: w.Name,
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
		result.Error = "the lease could not be renewed in time; the endpoint may or may not have been told"
	}
	return result
}

// handBack ends an attempt of which nothing was sent: the row is due at once, for
// anybody.
func (w *Worker) handBack(claim *outbox.Claim, why string) {
	w.conclude(claim, outbox.Result{Outcome: outbox.OutcomeInterrupted, Error: why})
}

func (w *Worker) handBackAll(batch []errand, why string) {
	for _, e := range batch {
		w.handBack(e.claim, why)
	}
}

// endGone ends a row whose notification is there no more.
func (w *Worker) endGone(claim *outbox.Claim) {
	w.Log.Error("a notification is gone, its delivery ends rejected", keyNotification, outbox.FormatID(claim.ID), keyEndpoint, claim.Endpoint)
	w.conclude(claim, outbox.Result{
		Outcome: outbox.OutcomeRejected, Error: "the notification's row is gone; nothing was sent",
	})
}

func (w *Worker) conclude(claim *outbox.Claim, result outbox.Result) {
	w.settler.settle(&outbox.Settlement{
		Claim: claim, Result: result, Verdict: claim.Policy.Judge(claim, result), Began: time.Now(), Worker: w.Name,
	})
}
