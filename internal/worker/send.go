package worker

import (
	"context"
	"errors"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// errand is a claim on its way to be carried.
type errand struct {
	claim    *outbox.Claim
	endpoint *outbox.Endpoint
}

// slotWait is how long a claimed row may wait for a slot: another worker may have
// one. Rows are claimed ahead by 10 ms, so that it happens where endpoints that were
// fast begin to hang.
const slotWait = time.Second

// send gives slots to claimed rows, fetches what to send for those that have one,
// and starts them, while the next rows are claimed. What gets no slot within a
// second, or before ctx ends, is handed back.
func (w *Worker) send(ctx, delivering context.Context) {
	for batch := range w.claimed {
		for len(batch) > 0 {
			n := w.take(ctx, len(batch))
			if n == 0 {
				w.slots.abandon(len(batch))
				w.handBackAll(batch, "no request could be begun in time; nothing was sent")
				break
			}
			started, err := w.startAll(context.WithoutCancel(ctx), delivering, batch[:n])
			w.slots.giveBack(n - started)
			if w.faults.meet("fetch", err) {
				w.backOff(ctx)
			}
			batch = batch[n:]
		}
	}
}

// take gives slots to up to n rows.
func (w *Worker) take(ctx context.Context, n int) int {
	ctx, cancel := context.WithTimeout(ctx, slotWait)
	defer cancel()
	return w.slots.take(ctx, n)
}

// startAll fetches what to send and starts every claim that has something.
func (w *Worker) startAll(ctx, delivering context.Context, batch []errand) (started int, err error) {
	claims := make([]*outbox.Claim, len(batch))
	for i, e := range batch {
		claims[i] = e.claim
	}
	gone, err := w.Claims.Fill(ctx, claims)
	if err != nil && len(batch) > 1 && !isAway(err) {
		return w.startEach(ctx, delivering, batch)
	}
	if err != nil {
		w.handBackAll(batch, "what to send could not be read; nothing was sent")
		return 0, err
	}
	missing := make(map[*outbox.Claim]bool, len(gone))
	for _, claim := range gone {
		missing[claim] = true
		w.endGone(claim)
	}
	for _, e := range batch {
		if !missing[e.claim] {
			address(e.claim, e.endpoint)
			w.start(delivering, e)
			started++
		}
	}
	return started, nil
}

// startEach starts claims of which one cannot be read one by one: it holds up no other.
func (w *Worker) startEach(ctx, delivering context.Context, batch []errand) (started int, err error) {
	for i := range batch {
		n, failed := w.startAll(ctx, delivering, batch[i:i+1])
		started += n
		err = errors.Join(err, failed)
		if err != nil && i == 0 {
			// It may be all of them: those that were claimed are given up slowly.
			w.backOff(ctx)
		}
	}
	return started, err
}

// start has a claim carried, by a goroutine that has nothing to do, or a new one.
// They are kept: their stacks have grown to what a request needs, which is 2 us of
// the 22 us that a delivery takes. There are about as many as slots.
func (w *Worker) start(delivering context.Context, e errand) {
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

// runErrand carries a claim, unless its lease has ended before anything was sent,
// and frees its slot.
func (w *Worker) runErrand(delivering context.Context, e errand) {
	began := time.Now()
	defer func() { w.slots.release(time.Since(began)) }()
	if !w.leases.lasts(e.claim) {
		w.handBack(e.claim, "the lease had ended before anything was sent")
		return
	}
	w.carry(delivering, e.claim)
}
