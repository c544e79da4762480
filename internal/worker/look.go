package worker

import (
	"context"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// look finds out which lanes have something due, if it is time to; it returns
// false where the database could not be asked, after a pause.
func (w *Worker) look(ctx context.Context) bool {
	now := time.Now()
	if !w.schedule.fullDue(now) {
		if !w.lanes.empty() && now.Sub(w.schedule.lastLook) < w.schedule.lookPause() {
			return true
		}
		found, err := w.Looks.Look(ctx, w.schedule.since)
		if err == nil {
			w.schedule.lookCost = time.Since(now)
		}
		return w.looked(ctx, now, found, err)
	}
	found, err := w.Looks.FullLook(ctx)
	if err == nil {
		w.schedule.lastFull, w.schedule.fullCost = now, time.Since(now)
		// Ended leases may be more than one settling takes, or be held by somebody.
		w.schedule.owed = w.leases.count() > 0 || found.Lapsed
		w.schedule.nextLeaseEnd = after(now, found.NextLeaseEnd)
	}
	ok := w.looked(ctx, now, found, err)
	if ok && found.Lapsed && now.Sub(w.schedule.backAt) >= lapseGrace && !w.settler.behind() && !w.settler.crowded(w.slots.most) {
		w.settleLapsed(ctx)
	}
	return ok
}

func (w *Worker) looked(ctx context.Context, now time.Time, found outbox.Look, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	if w.faults.meet("look", err) {
		if w.schedule.blind.IsZero() {
			w.schedule.blind = now
		}
		w.backOff(ctx)
		return false
	}
	w.schedule.sees(now)
	w.schedule.since, w.schedule.lastLook = found.At, now
	w.schedule.nextDue = after(now, found.NextDue)
	w.schedule.owed = w.schedule.owed || len(found.Endpoints) > 0
	w.lanes.add(found.Endpoints, found.From)
	w.suspects.lanes.add(found.Suspects, found.From)
	return true
}

// sleep waits for the bell, or for the next time at which something is known to
// be due. The look before it has found nothing.
func (w *Worker) sleep(ctx context.Context) {
	w.Bell.Sleep()
	if !w.Bell.Live() {
		// Looks reach back two seconds; an order that stays open for longer rings
		// when it commits, and here nobody hears it.
		w.schedule.owed = true
	}
	now := time.Now()
	w.wait(ctx, w.schedule.wakeAt(now, w.Bell.Live()).Sub(now))
}

// wait waits for d, or for the bell.
func (w *Worker) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-w.Bell.Rung():
		// What rang may be older than a look can see.
		w.schedule.owed = true
	}
}

// backOff waits after a failure of the database.
func (w *Worker) backOff(ctx context.Context) { sleep(ctx, w.faults.pause()) }
