package worker

import (
	"context"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// serve claims for the lanes whose turn it is, until none has anything, a slot is
// missing, or it is time for another look. It returns how many rows it claimed.
func (w *Worker) serve(ctx, delivering context.Context) (claimed int) {
	until := time.Now().Add(w.schedule.lookPause())
	for !w.lanes.empty() && ctx.Err() == nil {
		if w.settler.crowded(w.slots.most) {
			return claimed
		}
		free := w.slots.acquire(ctx)
		if free == 0 {
			return claimed
		}
		started, err := w.claim(ctx, delivering, free)
		w.slots.release(free - started)
		claimed += started
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

// claim serves one turn of lanes with the free slots, and starts what it got.
func (w *Worker) claim(ctx, delivering context.Context, free int) (started int, err error) {
	// Not to be cut short by a stop: a claim that may or may not have happened
	// would cost its rows a lease.
	ctx = context.WithoutCancel(ctx)
	w.schedule.owed = true
	turn := w.lanes.next(free)
	if err := w.directory.refresh(ctx, turn); err != nil {
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
	return w.startAll(ctx, delivering, claims, sent)
}

// startAll fetches what to send and starts every claim that has something.
func (w *Worker) startAll(ctx, delivering context.Context, claims []*outbox.Claim, sent time.Time) (started int, err error) {
	gone, err := w.Claims.Fill(ctx, claims)
	if err != nil {
		for _, claim := range claims {
			w.handBack(claim, "what to send could not be read; nothing was sent")
		}
		return 0, err
	}
	missing := make(map[*outbox.Claim]bool, len(gone))
	for _, claim := range gone {
		missing[claim] = true
		w.endGone(claim)
	}
	for _, claim := range claims {
		if missing[claim] {
			continue
		}
		w.directory.resolve(claim)
		w.start(delivering, errand{claim, sent})
		started++
	}
	return started, nil
}
