package worker

import (
	"context"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// serve claims for the lanes whose turn it is, until none has anything, a slot is
// missing, or it is time for another look. It returns how many rows it claimed.
func (w *Worker) serve(ctx context.Context) (claimed int) {
	until := time.Now().Add(w.schedule.lookPause())
	for !w.lanes.empty() && ctx.Err() == nil {
		// What is known is written down before more is begun.
		if w.settler.behind() || w.settler.crowded(w.slots.most) {
			return claimed
		}
		room := w.slots.room(ctx)
		if room == 0 {
			return claimed
		}
		if w.faults.fails("fetch") {
			room = 1 // each that cannot be read is an attempt that comes to nothing
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
	turn := w.lanes.next(room)
	sent := time.Now()
	claims, err := w.ask(ctx, &w.lanes, turn)
	if err != nil || len(claims) == 0 {
		return 0, err
	}
	w.handOn(claims, sent)
	return len(claims), w.directory.refresh(ctx, turn, fresh)
}

// ask claims for a turn of these lanes. Where that fails they get the turn back.
func (w *Worker) ask(ctx context.Context, of *lanes, turn []outbox.Lane) ([]*outbox.Claim, error) {
	w.schedule.owed = true
	err := w.recall(ctx)
	if err == nil {
		err = w.directory.refresh(ctx, turn, stale)
	}
	if err != nil {
		of.giveBack(turn)
		return nil, err
	}
	turn = w.directory.sendable(turn)
	if len(turn) == 0 {
		return nil, nil
	}
	sent := time.Now()
	claims, err := w.Claims.Claim(ctx, turn, w.directory.working())
	if err != nil {
		of.giveBack(turn)
		w.doubt.note(turn, sent, err)
		return nil, err
	}
	of.keep(turn, claims)
	return claims, nil
}

// handOn passes on claims that were sent at that time, to be carried.
func (w *Worker) handOn(claims []*outbox.Claim, sent time.Time) {
	batch := make([]errand, len(claims))
	for i, claim := range claims {
		w.leases.hold(claim, sent)
		batch[i] = errand{claim: claim, endpoint: w.directory.resolve(claim)}
	}
	w.slots.expect(len(batch))
	w.claimed <- batch
}
