package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// outage is what an endpoint is sent when it is back, after it had refused connections
// while its rows were due.
type outage struct {
	rows   int
	away   time.Duration
	bucket time.Duration
}

func newOutage(o Options) outage {
	return outage{
		rows: size(o, 5_000, 200), away: size(o, 10*time.Second, 500*time.Millisecond),
		bucket: size(o, time.Second, 50*time.Millisecond),
	}
}

// spans is how many buckets there are after the endpoint's return.
const spans = 10

// figBack is the figure of a bucket, from 1 on. In a quick run a second is shorter.
func figBack(number int) string { return fmt.Sprintf("after an outage, second %d", number) }

func (outage) lines() []line {
	lines := make([]line, spans)
	for i := range lines {
		lines[i] = line{figure: figBack(i + 1), unit: "/s"}
	}
	return lines
}

func (m outage) take(ctx context.Context, r *rig, b *book, d *database) error {
	b.say("%s rows are due at one that refuses connections for %s", number(float64(m.rows)), m.away)
	door, err := r.merchant.Shut()
	if err != nil {
		return err
	}
	if err := d.endpoints(ctx, "away", 1, door+"/r/0s"); err != nil {
		return err
	}
	if err := d.prepare(ctx, "away", 1, m.rows); err != nil {
		return err
	}
	if err := r.merchant.Reset(); err != nil {
		return err
	}
	w, err := r.startWorker(ctx, d, yardstickInFlight)
	if err != nil {
		return err
	}
	back, err := m.run(ctx, r, d, w)
	if _, err := w.end(err); err != nil {
		return err
	}
	arrivals, err := r.merchant.Noted()
	if err != nil {
		return err
	}
	for i, rate := range buckets(arrivals, back, m.bucket, spans) {
		b.add(figBack(i+1), rate)
	}
	return nil
}

// run lets the endpoint be away for a while and come back, and returns when it did.
func (m outage) run(ctx context.Context, r *rig, d *database, w *workerProcess) (time.Time, error) {
	if err := pause(ctx, m.away); err != nil {
		return time.Time{}, err
	}
	tried, err := ask[bool](ctx, d, "look for attempts", "select exists (select from orderbell.attempt where outcome = 'unreachable')")
	if err != nil {
		return time.Time{}, err
	}
	if !tried {
		return time.Time{}, errors.New("nothing was sent while it was away")
	}
	back := time.Now()
	if err := r.merchant.Open(); err != nil {
		return time.Time{}, err
	}
	if err := pause(ctx, spans*m.bucket); err != nil {
		return time.Time{}, err
	}
	select {
	case <-w.ended:
		return time.Time{}, errors.New("the worker has ended")
	default:
		return back, nil
	}
}
