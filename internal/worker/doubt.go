package worker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// doubt is about claims whose answer was lost: they may have been carried out, and
// then their rows are ours, and nobody knows. One that commits even later than it is
// looked for comes back when its lease ends, as unknown.
type doubt struct {
	lanes []outbox.Lane
	sent  time.Time // the first of them
}

// note remembers the lanes of a claim that failed, if that leaves a doubt.
func (d *doubt) note(turn []outbox.Lane, sent time.Time, err error) {
	var reason interface{ Unsure() bool }
	if !errors.As(err, &reason) || !reason.Unsure() {
		return
	}
	if len(d.lanes) == 0 {
		d.sent = sent
	}
	for _, lane := range turn {
		if !slices.ContainsFunc(d.lanes, func(l outbox.Lane) bool { return l.Endpoint == lane.Endpoint }) {
			d.lanes = append(d.lanes, lane)
		}
	}
}

// recall finds out what lost claims have taken, and goes on with it.
func (w *Worker) recall(ctx context.Context) error {
	if len(w.doubt.lanes) == 0 {
		return nil
	}
	if err := w.directory.refresh(ctx, endpointsOf(w.doubt.lanes, func(l outbox.Lane) string { return l.Endpoint }), stale); err != nil {
		return err
	}
	// Known before the question is put: what is settled meanwhile may still be in the
	// answer, and is no longer held.
	known := make(map[outbox.ID]bool)
	for _, claim := range w.leases.all() {
		known[claim.ID] = true
	}
	found, err := w.Claims.Reclaim(ctx, w.doubt.lanes)
	if err != nil {
		return err
	}
	// What cannot be sent any more is left to the end of its lease.
	found = slices.DeleteFunc(found, func(claim *outbox.Claim) bool {
		return known[claim.ID] || w.directory.resolve(claim) == nil || claim.Policy == nil
	})
	if len(found) > 0 {
		w.Log.Info("rows whose claim was not answered are carried on", keyRows, len(found))
		w.handOn(found, nil, w.doubt.sent)
	}
	w.doubt = doubt{}
	return nil
}
