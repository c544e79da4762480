package bench

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// pickup is how long a message waits from its commit to its arrival at the
// merchant, while orders come at a steady rate.
type pickup struct {
	rounds int
	light  time.Duration // of 200 orders a second
	heavy  time.Duration // of 2,000
	slow   time.Duration // of 1
	sweep  time.Duration // of each other rate
	poll   time.Duration
}

func newPickup(o Options) *pickup {
	return &pickup{
		rounds: o.times(3), light: size(o, 15*time.Second, 600*time.Millisecond), heavy: size(o, 8*time.Second, 600*time.Millisecond),
		slow: size(o, 10*time.Second, time.Second), sweep: size(o, 4*time.Second, 300*time.Millisecond),
		poll: size(o, 6*time.Second, 1200*time.Millisecond),
	}
}

func (*pickup) name() string { return "pickup" }

// Figures of the pickup.
const (
	figP50       = "p50 at 200/s"
	figP99       = "p99 at 200/s"
	figMax       = "max at 200/s"
	figPollP50   = "poll, p50"
	figPollP99   = "poll, p99"
	figPollMax   = "poll, max"
	figHeavyP50  = "p50 at 2,000/s"
	figHeavyP99  = "p99 at 2,000/s"
	figHeavyMax  = "max at 2,000/s"
	figLeft      = "left 1 s after 2,000/s"
	figSweepMost = "max at any rate from 1/s on"
)

func (*pickup) lines() []line {
	return []line{
		{figure: figP50, unit: "ms", yardstick: figPollP50, target: speedAtMost(1)},
		{figure: figP99, unit: "ms", yardstick: figPollP99, target: speedAtMost(3)},
		{figure: figMax, unit: "ms", yardstick: figPollMax},
		{figure: figHeavyP50, unit: "ms", yardstick: figP50},
		{figure: figHeavyP99, unit: "ms", yardstick: figP99, target: speedAtMost(10)},
		{figure: figHeavyMax, unit: "ms", yardstick: figMax},
		{figure: figLeft, unit: "rows", target: countAtMost(0)},
		{figure: figSweepMost, unit: "ms", yardstick: figPollMax, target: speedAtMost(50)},
	}
}

func (m *pickup) take(ctx context.Context, r *rig, b *book) error {
	if err := r.db.endpoints(ctx, "noted", 1, r.noted()); err != nil {
		return err
	}
	for round := range m.rounds {
		b.say("round %d of %d", round+1, m.rounds)
		if err := m.ours(ctx, r, b); err != nil {
			return err
		}
		if err := m.polled(ctx, r, b); err != nil {
			return err
		}
	}
	return nil
}

// ours runs one worker through all rates.
func (m *pickup) ours(ctx context.Context, r *rig, b *book) error {
	w, err := r.freshWorker(ctx, r.db)
	if err != nil {
		return err
	}
	_, err = w.end(m.rates(ctx, r, b, w))
	return err
}

func (m *pickup) rates(ctx context.Context, r *rig, b *book, w *workerProcess) error {
	light, err := r.pickup(ctx, r.db, 200, m.light, w)
	if err != nil {
		return err
	}
	b.latencies(light.ms, figP50, figP99, figMax)
	crowd, err := r.pickup(ctx, r.db, heavy, m.heavy, w)
	if err != nil {
		return err
	}
	b.latencies(crowd.ms, figHeavyP50, figHeavyP99, figHeavyMax)
	b.add(figLeft, float64(crowd.left))
	if crowd.rate < 0.95*heavy {
		b.note(figHeavyP99, fmt.Sprintf("the orders themselves reached %s/s only", number(crowd.rate)))
	}
	most := max(slices.Max(light.ms), slices.Max(crowd.ms))
	for _, rate := range []float64{1, 10, 50, 1000} {
		length := m.sweep
		if rate == 1 {
			length = m.slow
		}
		found, err := r.pickup(ctx, r.db, rate, length, w)
		if err != nil {
			return err
		}
		slowest := slices.Max(found.ms)
		b.say("max at %s/s: %s ms", number(rate), number(slowest))
		most = max(most, slowest)
	}
	b.add(figSweepMost, most)
	return nil
}

// freshWorker clears the tables and starts a worker, which has delivered its first
// notification when this returns.
func (r *rig) freshWorker(ctx context.Context, d *database) (*workerProcess, error) {
	if err := d.clear(ctx); err != nil {
		return nil, err
	}
	if err := d.settleDown(ctx); err != nil {
		return nil, err
	}
	return r.readyWorker(ctx, d)
}

func (r *rig) readyWorker(ctx context.Context, d *database) (*workerProcess, error) {
	if err := r.merchant.Reset(); err != nil {
		return nil, err
	}
	w, err := r.startWorker(ctx, d, yardstickInFlight)
	if err != nil {
		return nil, err
	}
	p := producer{rate: 1, length: time.Second, commit: enqueue("noted-1")}
	if _, _, err = p.produce(ctx, d); err == nil {
		_, err = r.arrivals(ctx, 1, w.ended)
	}
	if err != nil {
		_, err = w.end(err)
		return nil, err
	}
	return w, nil
}

// picked is what came of orders at a steady rate.
type picked struct {
	ms   []float64
	rate float64 // that was reached
	left int     // unfinished one second after the last commit, at the heavy rate
}

// heavy is the rate after which nothing may be left behind.
const heavy = 2000

func leftAfter(ctx context.Context, d *database, wait time.Duration) (int, error) {
	if err := pause(ctx, wait); err != nil {
		return 0, err
	}
	return ask[int](ctx, d, "count what is left", "select count(*) from orderbell.delivery")
}

// pickup commits orders at a rate while a worker works.
func (r *rig) pickup(ctx context.Context, d *database, rate float64, length time.Duration, w *workerProcess) (picked, error) {
	if err := r.merchant.Reset(); err != nil {
		return picked{}, err
	}
	messages, reached, err := producer{rate: rate, length: length, commit: enqueue("noted-1")}.produce(ctx, d)
	if err != nil {
		return picked{}, err
	}
	left := 0
	if rate >= heavy {
		if left, err = leftAfter(ctx, d, time.Second); err != nil {
			return picked{}, err
		}
	}
	arrivals, err := r.arrivals(ctx, len(messages), w.ended)
	if err != nil {
		return picked{}, err
	}
	found, err := latencies(times(messages), arrivals)
	return picked{ms: found, rate: reached, left: left}, err
}

// polled is the same with the per-second poll, at 200 orders a second.
func (m *pickup) polled(ctx context.Context, r *rig, b *book) error {
	if err := r.db.clear(ctx); err != nil {
		return err
	}
	found, err := r.withPoll(ctx, r.db, func(ctx context.Context, ended <-chan struct{}) ([]float64, error) {
		messages, _, err := producer{rate: 200, length: m.poll, commit: tell(r.noted())}.produce(ctx, r.db)
		if err != nil {
			return nil, err
		}
		arrivals, err := r.arrivals(ctx, len(messages), ended)
		if err != nil {
			return nil, err
		}
		return latencies(times(messages), arrivals)
	})
	if err == nil {
		b.latencies(found, figPollP50, figPollP99, figPollMax)
	}
	return err
}

// withPoll does something while the per-second poll runs.
func (r *rig) withPoll(ctx context.Context, d *database, do func(ctx context.Context, ended <-chan struct{}) ([]float64, error)) ([]float64, error) {
	if err := r.merchant.Reset(); err != nil {
		return nil, err
	}
	polling, stop := context.WithCancel(ctx)
	ended, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(ended)
		failed <- poll{rig: r, db: d}.run(polling)
	}()
	found, err := do(ctx, ended)
	stop()
	if polled := <-failed; polled != nil {
		return nil, polled
	}
	return found, err
}
