package bench

import (
	"context"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// bareLoop sends bodies as fast as it can, with nothing around it, and returns how
// many a second.
func (r *rig) bareLoop(ctx context.Context, length time.Duration) (float64, error) {
	to, err := url.Parse(r.answering(0))
	if err != nil {
		return 0, err
	}
	body := strings.Repeat("x", bodyBytes)
	if err := r.loop(ctx, length/10, func() error { return post(ctx, r.client, to, "", body) }, nil); err != nil {
		return 0, err // the connections are open now
	}
	var sent atomic.Int64
	began := time.Now()
	if err := r.loop(ctx, length, func() error { return post(ctx, r.client, to, "", body) }, &sent); err != nil {
		return 0, err
	}
	return perSecond(int(sent.Load()), time.Since(began)), nil
}

// loop has goroutines do it again and again for a time.
func (r *rig) loop(ctx context.Context, length time.Duration, do func() error, count *atomic.Int64) error {
	var all errgroup.Group
	end := time.Now().Add(length)
	for range yardstickInFlight {
		all.Go(func() error {
			done := int64(0)
			for time.Now().Before(end) && ctx.Err() == nil {
				if err := do(); err != nil {
					return err
				}
				done++
			}
			if count != nil {
				count.Add(done)
			}
			return context.Cause(ctx)
		})
	}
	return all.Wait()
}
