package worker

import (
	"context"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// carry takes one claim through deliver, judge, settle.
func (w *Worker) carry(ctx context.Context, claim *outbox.Claim) {
	began := time.Now()
	result := w.Courier.Deliver(ctx, claim)
	claim.Body = "" // results may wait for the database; their bodies need not
	verdict := claim.Policy.Judge(claim, result)
	w.settler.settle(&outbox.Settlement{
		Claim: claim, Result: result, Verdict: verdict, Began: began, Worker: w.Name,
	})
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
