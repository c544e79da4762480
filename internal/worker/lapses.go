package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// settleLapsed settles, as unknown, the attempts of workers that died or lost
// the database: their leases have ended.
func (w *Worker) settleLapsed(ctx context.Context) {
	lapses, err := w.Looks.Lapsed(ctx)
	if err == nil {
		err = w.directory.refresh(ctx, endpointsOf(lapses, func(l outbox.Lapse) string { return l.Claim.Endpoint }), stale)
	}
	// Part of the look that has found them: the next one that succeeds ends the fault.
	if w.faults.meet("look", err) {
		return
	}
	for _, lapse := range lapses {
		if w.leases.holds(lapse.Claim) {
			continue // ours: the answer may still come, and is the better record
		}
		w.settle(w.unknown(lapse))
	}
}

func (w *Worker) unknown(lapse outbox.Lapse) *outbox.Settlement {
	claim := lapse.Claim
	result := outbox.Result{
		Outcome: outbox.OutcomeUnknown,
		Error:   fmt.Sprintf("worker %s lost its lease; the endpoint may or may not have been told", lapse.Worker),
	}
	verdict := outbox.Verdict{State: outbox.Pending, Rung: claim.Rung, Unknowns: claim.Unknowns + 1}
	if policy := w.directory.policyOf(claim); policy != nil {
		verdict = policy.Judge(claim, result)
	}
	return &outbox.Settlement{
		Claim: claim, Result: result, Verdict: verdict, Worker: lapse.Worker,
		Began: time.Now().Add(-lapse.Ago - w.Lease), // the last renewal that is known of
	}
}
