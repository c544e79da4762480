package worker

import (
	"context"
	"time"
)

// serve claims for the lanes whose turn it is, until none has anything, a slot is
// missing, or it is time for another look. It returns how many rows it claimed.
func (w *Worker) serve(ctx context.Context) (claimed int) {
	until := time.Now().Add(w.schedule.lookPause())
	for !w.lanes.empty() && ctx.Err() == nil {
		if w.settler.crowded(w.slots.most) {
			return claimed
		}
		room := w.slots.room(ctx)
		if room == 0 {
			return claimed
		}
		n, err := w.claim(ctx, room)
		claimed += n
		if w.faults.meet("claim", err) {
			w.backOff(ctx)
			return claimed
		}
		if time.Now().After(until) {
			return claimed
		}
	}
	return claimed
}

// claim claims up to room rows for one turn of lanes, and hands them on to be sent.
func (w *Worker) claim(ctx context.Context, room int) (claimed int, err error) {
	// Not to be cut short by a stop: a claim that may or may not have happened
	// would cost its rows a lease.
	ctx = context.WithoutCancel(ctx)
	w.schedule.owed = true
	turn := w.lanes.next(room)
	if err := w.directory.refresh(ctx, turn, stale); err != nil {
		return 0, err
	}
	turn = w.directory.sendable(turn)
	if len(turn) == 0 {
		return 0, nil
	}
	sent := time.Now()
	claims, err := w.Claims.Claim(ctx, turn, w.directory.working())
	if err != nil || len(claims) == 0 {
		return 0, err
	}
	w.lanes.keep(turn, claims)
	batch := make([]errand, len(claims))
	for i, claim := range claims {
		w.leases.hold(claim)
		batch[i] = errand{claim: claim, endpoint: w.directory.resolve(claim), sent: sent}
	}
	w.slots.expect(len(batch))
	w.claimed <- batch
	return len(batch), w.directory.refresh(ctx, turn, fresh)
}
