package worker

import (
	"context"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// fullLook is what a full look has found.
type fullLook struct {
	began time.Time
	cost  time.Duration
	found outbox.Look
	err   error
}

// look finds out which lanes have something due, if it is time to; it returns
// false where the database could not be asked, after a pause. The first one is a full look.
// Later full looks that may take long are made beside the work.
func (w *Worker) look(ctx context.Context) bool {
	now := time.Now()
	due := w.schedule.fullDue(now)
	if due {
		w.schedule.needed = false
	}
	switch {
	case due && w.schedule.fullCost < longLook:
		return w.lookedFully(ctx, w.lookFully(ctx))
	case due:
		w.schedule.looking = true
		w.looks.Go(func() { w.full <- w.lookFully(ctx) })
	}
	select {
	case full := <-w.full:
		w.fulls = append(w.fulls, full)
	default:
	}
	for _, full := range w.fulls {
		w.fulls, w.schedule.looking = nil, false
		if !w.lookedFully(ctx, full) {
			return false
		}
	}
	if !w.nothingToServe() && now.Sub(w.schedule.lastLook) < w.schedule.lookPause() {
		return true
	}
	found, err := w.Looks.Look(ctx, w.schedule.since)
	if err == nil {
		w.schedule.lookCost = time.Since(now)
	}
	if !w.looked(ctx, "look", err) {
		return false
	}
	w.schedule.since, w.schedule.lastLook = found.At, now
	w.clock.set(found.At, now)
	w.noted(now, found)
	return true
}

func (w *Worker) lookFully(ctx context.Context) fullLook {
	began := time.Now()
	found, err := w.Looks.FullLook(ctx)
	return fullLook{began: began, cost: time.Since(began), found: found, err: err}
}

// lookedFully takes what a full look has found.
func (w *Worker) lookedFully(ctx context.Context, full fullLook) bool {
	if full.err == nil {
		// What is parked goes on once it works; who finds out must look.
		full.err = w.directory.refreshParked(ctx)
	}
	if !w.looked(ctx, "full look", full.err) {
		if !w.schedule.lastFull.IsZero() {
			w.schedule.lastFull = time.Now().Add(fullLookRetry - idleFullLook)
		}
		return false
	}
	if full.found.At.After(w.schedule.since) { // looks may have been made beside it
		w.schedule.since, w.schedule.lastLook = full.found.At, full.began
		w.clock.set(full.found.At, full.began)
	}
	w.schedule.lastFull, w.schedule.fullCost = full.began, full.cost
	// Ended leases may be more than one settling takes, or be held by somebody.
	w.schedule.owed = w.leases.count() > 0 || full.found.Lapsed || w.directory.mended() || w.directory.awaits
	w.schedule.nextLeaseEnd = after(full.began, full.found.NextLeaseEnd)
	if own := after(full.began, full.found.OwnLeaseEnd); w.leases.count() == 0 {
		// Nothing renews it: its row was given to another attempt.
		w.schedule.nextLeaseEnd = sooner(w.schedule.nextLeaseEnd, own)
	}
	w.schedule.nextProbe = after(full.began, full.found.NextProbe)
	w.noted(full.began, full.found)
	if full.found.Lapsed && full.began.Sub(w.schedule.backAt) >= lapseGrace && !w.settler.behind() && !w.settler.crowded(w.slots.most) {
		w.settleLapsed(ctx)
	}
	if full.found.Queued {
		_, err := w.Looks.Queue(ctx)
		w.faults.meet("move on rows that wait for their turn", err)
	}
	return true
}

// looked notes how a look went.
func (w *Worker) looked(ctx context.Context, doing string, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	if w.faults.meet(doing, err) {
		if w.schedule.blind.IsZero() {
			w.schedule.blind = time.Now()
		}
		w.backOff(ctx)
		return false
	}
	w.schedule.sees(time.Now())
	return true
}

// noted takes what any look has found.
func (w *Worker) noted(now time.Time, found outbox.Look) {
	w.schedule.nextDue = after(now, found.NextDue)
	w.schedule.owed = w.schedule.owed || len(found.Endpoints) > 0
	if found.Owed {
		w.hooks.call(w.directory.policies)
	}
	w.lanes.add(found.Endpoints, found.From)
	w.suspects.lanes.add(found.Suspects, found.From)
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

// wait waits for d at the most: for the bell, a lane that may be served again, or a full
// look.
func (w *Worker) wait(ctx context.Context, d time.Duration) {
	if next := w.lanes.nextWake(); !next.IsZero() {
		d = min(d, time.Until(next))
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-w.slots.more:
	case full := <-w.full:
		w.fulls = append(w.fulls, full)
	case <-w.Bell.Rung():
		// What rang may be older than a look can see.
		w.schedule.owed = true
	}
}

// backOff waits after a failure of the database.
func (w *Worker) backOff(ctx context.Context) { sleep(ctx, w.faults.pause()) }
