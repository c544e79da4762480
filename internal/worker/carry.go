package worker

import (
	"context"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// errand is a claim that has a slot and is to be carried.
type errand struct {
	claim *outbox.Claim
	sent  time.Time // when the claim was sent to the database: the lease is counted from there
}

// start has a claim carried, by a goroutine that has nothing to do, or a new one.
// They are kept: their stacks have grown to what a request needs, which is 2 us of
// the 22 us that a delivery takes. There are about as many as slots.
func (w *Worker) start(delivering context.Context, e errand) {
	w.leases.hold(e.claim)
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

// runErrand carries a claim, unless its lease has ended before anything was sent, and
// frees its slot.
func (w *Worker) runErrand(delivering context.Context, e errand) {
	defer w.slots.release(1)
	if time.Since(e.sent) >= w.Lease {
		w.handBack(e.claim, "the lease had ended before anything was sent")
		return
	}
	w.carry(delivering, e.claim)
}

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
