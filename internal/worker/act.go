package worker

import (
	"context"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// act takes the claim of an action through its attempt: the function is called, judged and
// settled in one transaction. The row's lease is renewed meanwhile, as that of any other;
// only the settling is fenced by it.
func (w *Worker) act(ctx context.Context, e errand) outbox.Result {
	s := &outbox.Settlement{Claim: e.claim, Began: time.Now(), Worker: w.Name}
	for {
		if !w.turns.take(ctx, e.claim.Endpoint) {
			return w.broken(ctx, s, ctx.Err())
		}
		began := time.Now()
		went, held, err := w.Alone.Act(ctx, s, e.endpoint.Action)
		w.turns.end(e.claim.Endpoint, time.Since(began))
		switch {
		case err != nil:
			return w.broken(ctx, s, err)
		case held && w.leases.lasts(e.claim):
			sleep(ctx, heldPause)
		default:
			w.faults.meet("call an action", nil)
			w.alone.settled(s, went)
			return s.Result
		}
	}
}

// broken ends an attempt of an action whose transaction was cut off. If it was committed
// all the same, the row is not there any more to be settled.
func (w *Worker) broken(ctx context.Context, s *outbox.Settlement, err error) outbox.Result {
	result := outbox.Result{Outcome: outbox.OutcomeUnknown, Error: "the transaction that called the function was cut off: " + err.Error()}
	if ctx.Err() != nil {
		result = outbox.Result{Outcome: outbox.OutcomeInterrupted, Error: "the worker was stopping; what the function had done was rolled back"}
	} else {
		w.faults.meet("call an action", err)
	}
	w.judge(s.Claim, result, s.Began)
	return result
}
