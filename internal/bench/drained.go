package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// drained is how a backlog was emptied.
type drained struct {
	cost
	rate   float64 // deliveries a second, from the first arrival to the last settle
	worker usage
}

// drain lets a new worker deliver what is there.
func (r *rig) drain(ctx context.Context, from *database, k kind) (d drained, err error) {
	if err := r.merchant.Reset(); err != nil {
		return drained{}, err
	}
	d.cost, err = r.cost(ctx, from, func() error {
		w, err := r.startWorker(ctx, from, k.inFlight)
		if err != nil {
			return err
		}
		took, err := r.settled(ctx, from, k, w)
		d.rate = perSecond(k.rows, took)
		d.worker, err = w.end(err)
		return err
	})
	return d, err
}

// stalled is how long nothing may happen before a drain is given up.
const stalled = 30 * time.Second

// settled waits until the merchant has everything and nothing is left
// unfinished, and returns how long that took from the first arrival on.
func (r *rig) settled(ctx context.Context, from *database, k kind, w *workerProcess) (time.Duration, error) {
	first, err := r.waitForRequests(ctx, int64(k.rows), w.ended)
	if err != nil {
		return 0, err
	}
	for end := time.Now().Add(stalled); ; {
		left, err := from.unfinished(ctx, k.endpoint)
		if err != nil {
			return 0, err
		}
		now := time.Now()
		if !left {
			return now.Sub(first), nil
		}
		if now.After(end) {
			return 0, errors.New("requests were answered that were not settled")
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// waitForRequests waits until the merchant was sent so many requests, and returns
// when the first came. ended tells that whoever sends has gone; nil: nothing does.
func (r *rig) waitForRequests(ctx context.Context, want int64, ended <-chan struct{}) (time.Time, error) {
	const look, tell = 2 * time.Millisecond, 10 * time.Second
	seen, at, told := int64(0), time.Now(), time.Now()
	for {
		count, err := r.merchant.Count()
		if err != nil {
			return time.Time{}, err
		}
		switch {
		case count.Requests >= want:
			return time.Unix(0, count.First), nil
		case count.Requests > seen:
			seen, at = count.Requests, time.Now()
		case time.Since(at) > stalled:
			return time.Time{}, fmt.Errorf("no request came for %s, after %d of %d", stalled, seen, want)
		}
		if time.Since(told) > tell {
			told = time.Now()
			r.say("%s of %s requests", number(float64(seen)), number(float64(want)))
		}
		select {
		case <-ended:
			return time.Time{}, errors.New("whoever sends has ended")
		default:
		}
		if err := pause(ctx, look); err != nil {
			return time.Time{}, err
		}
	}
}
