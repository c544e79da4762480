package bench

import (
	"context"
	"fmt"
	"time"
)

// memory is how much a worker takes at its peak.
type memory struct {
	rounds int
	rate   float64
	length time.Duration
	due    int // rows that are due at once
	some   int // of them are delivered
}

func newMemory(o Options) *memory {
	return &memory{
		rounds: o.times(1), rate: 1000, length: size(o, 20*time.Second, time.Second),
		due: size(o, 1_000_000, 5_000), some: size(o, 100_000, 2_000),
	}
}

func (*memory) name() string { return "memory" }

// Figures of the memory.
const (
	figResting = "at rest"
	figSteady  = "at 1,000 deliveries a second"
	figFlood   = "with 1,000,000 rows due at once"
)

func (*memory) lines() []line {
	return []line{
		{figure: figSteady, unit: "MB", yardstick: figResting, target: countAtMost(150)},
		{figure: figFlood, unit: "MB", yardstick: figResting, target: countAtMost(200)},
	}
}

func (m *memory) take(ctx context.Context, r *rig, b *book) error {
	if err := r.db.endpoints(ctx, "noted", 1, r.noted()); err != nil {
		return err
	}
	if err := r.db.endpoints(ctx, "m", 1, r.answering(0)); err != nil {
		return err
	}
	for round := range m.rounds {
		b.say("round %d of %d: %s deliveries a second, then %s rows due at once", round+1, m.rounds, number(m.rate), number(float64(m.due)))
		for _, step := range []func(context.Context, *rig, *book) error{m.resting, m.steady, m.flood} {
			if err := step(ctx, r, b); err != nil {
				return err
			}
		}
	}
	return r.db.clear(ctx)
}

// resting is a worker that has delivered one notification.
func (m *memory) resting(ctx context.Context, r *rig, b *book) error {
	w, err := r.freshWorker(ctx, r.db)
	if err != nil {
		return err
	}
	used, err := w.stop()
	b.add(figResting, used.peak)
	return err
}

func (m *memory) steady(ctx context.Context, r *rig, b *book) error {
	w, err := r.freshWorker(ctx, r.db)
	if err != nil {
		return err
	}
	picked, err := r.pickup(ctx, r.db, m.rate, m.length, w)
	used, err := w.end(err)
	b.add(figSteady, used.peak)
	if err == nil && picked.rate < 0.95*m.rate {
		b.note(figSteady, fmt.Sprintf("the orders themselves reached %s/s only", number(picked.rate)))
	}
	return err
}

// flood delivers the beginning of a backlog, and stops there.
func (m *memory) flood(ctx context.Context, r *rig, b *book) error {
	if err := r.db.prepare(ctx, "m", 1, m.due); err != nil {
		return err
	}
	if err := r.merchant.Reset(); err != nil {
		return err
	}
	w, err := r.startWorker(ctx, r.db, yardstickInFlight)
	if err != nil {
		return err
	}
	_, err = r.waitForRequests(ctx, int64(m.some), w.ended)
	used, err := w.end(err)
	b.add(figFlood, used.peak)
	return err
}
