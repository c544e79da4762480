package bench

import (
	"context"
	"fmt"
	"time"
)

// drain is how fast a worker empties a backlog, and what that costs.
type drain struct {
	rounds int
	rows   int
	loop   time.Duration
	kinds  []kind
}

// kind is one way of draining.
type kind struct {
	figure   string
	endpoint string // the prefix of their names
	count    int    // how many endpoints
	rows     int
	inFlight int
}

func newDrain(o Options) *drain {
	rows, slowRows := size(o, 60_000, 2_000), size(o, 30_000, 1_500)
	return &drain{
		rounds: o.times(5), rows: rows, loop: size(o, 2*time.Second, 300*time.Millisecond),
		kinds: []kind{
			{figure: fig64, endpoint: "m", count: 1, rows: rows, inFlight: 64},
			{figure: fig256, endpoint: "m", count: 1, rows: rows, inFlight: 256},
			{figure: figMany, endpoint: "many", count: 50, rows: rows, inFlight: 64},
			{figure: figSlow, endpoint: "slow", count: 1, rows: slowRows, inFlight: 256},
		},
	}
}

func (*drain) name() string { return "drain" }

// Figures of the drain.
const (
	figBare        = "bare HTTP loop"
	figPoll        = "per-second poll"
	figClaimSettle = "claim and settle, no HTTP"
	fig64          = "64 in flight"
	fig256         = "256 in flight"
	figMany        = "64 in flight, 50 endpoints"
	figSlow        = "256 in flight, 50 ms each"
	figSlowMost    = "256 every 50 ms"
)

// What a drain costs; each is followed by the drain's own name.
const (
	costWAL    = "WAL per delivery, "
	costPg     = "Postgres CPU per 10,000, "
	costWorker = "worker CPU per 10,000, "
	costPeak   = "worker memory, "
)

const (
	slowDelay = 50 * time.Millisecond
	slowMost  = 256 / 0.05 // requests a second that 256 in flight can be
)

func (m *drain) lines() []line {
	lines := []line{
		{figure: figBare, unit: "/s"},
		{figure: figPoll, unit: "/s", yardstick: figBare},
		{figure: fig64, unit: "/s", yardstick: figBare, target: ratioAtLeast(0.7)},
		{figure: fig64, unit: "/s", yardstick: figPoll, target: ratioAtLeast(2.5)},
		{figure: fig256, unit: "/s", yardstick: fig64, target: ratioAtLeast(1)},
		{figure: figMany, unit: "/s", yardstick: fig64},
		{figure: figSlow, unit: "/s", yardstick: figSlowMost, target: ratioAtLeast(0.96)},
		{figure: figClaimSettle, unit: "/s", yardstick: fig64, target: speedAtLeast(90_000)},
		{figure: costWAL + fig64, unit: "bytes", yardstick: costWAL + figPoll, target: countAtMost(600)},
		{figure: costPg + fig64, unit: "s", yardstick: costPg + figPoll, target: speedAtMost(0.12)},
		{figure: costWorker + fig64, unit: "s"},
		{figure: costPeak + fig64, unit: "MB"},
	}
	for _, k := range m.kinds[1:] {
		lines = append(lines,
			line{figure: costWAL + k.figure, unit: "bytes", yardstick: costWAL + fig64},
			line{figure: costPg + k.figure, unit: "s", yardstick: costPg + fig64},
			line{figure: costWorker + k.figure, unit: "s", yardstick: costWorker + fig64},
			line{figure: costPeak + k.figure, unit: "MB", yardstick: costPeak + fig64})
	}
	return lines
}

func (m *drain) take(ctx context.Context, r *rig, b *book) error {
	for _, k := range m.kinds {
		delay := time.Duration(0)
		if k.figure == figSlow {
			delay = slowDelay
		}
		if err := r.db.endpoints(ctx, k.endpoint, k.count, r.answering(delay)); err != nil {
			return err
		}
	}
	for round := range m.rounds {
		b.say("round %d of %d", round+1, m.rounds)
		if err := m.yardsticks(ctx, r, b); err != nil {
			return err
		}
		for _, k := range m.kinds {
			if err := m.drain(ctx, r, b, k); err != nil {
				return fmt.Errorf("%s: %w", k.figure, err)
			}
		}
		b.add(figSlowMost, slowMost)
	}
	return nil
}

func (m *drain) yardsticks(ctx context.Context, r *rig, b *book) error {
	rate, err := r.bareLoop(ctx, m.loop)
	if err != nil {
		return fmt.Errorf("%s: %w", figBare, err)
	}
	b.add(figBare, rate)
	if err := m.poll(ctx, r, b); err != nil {
		return fmt.Errorf("%s: %w", figPoll, err)
	}
	if err := r.db.prepare(ctx, "m", 1, m.rows); err != nil {
		return err
	}
	if rate, err = claimSettle(ctx, r.db, "m-1", m.rows); err != nil {
		return fmt.Errorf("%s: %w", figClaimSettle, err)
	}
	b.add(figClaimSettle, rate)
	return nil
}

func (m *drain) poll(ctx context.Context, r *rig, b *book) error {
	p, rows := poll{rig: r, db: r.db}, m.rows/2
	if err := p.preload(ctx, rows); err != nil {
		return err
	}
	var rate float64
	cost, err := r.cost(ctx, r.db, func() (err error) {
		rate, err = p.drain(ctx, rows)
		return err
	})
	if err == nil {
		b.add(figPoll, rate)
		cost.report(b, rows, figPoll)
	}
	return err
}

func (m *drain) drain(ctx context.Context, r *rig, b *book, k kind) error {
	if err := r.db.prepare(ctx, k.endpoint, k.count, k.rows); err != nil {
		return err
	}
	d, err := r.drain(ctx, r.db, k)
	if err != nil {
		return err
	}
	if err := r.db.acknowledged(ctx, k.rows); err != nil {
		return err
	}
	b.add(k.figure, d.rate)
	d.report(b, k.rows, k.figure)
	b.add(costWorker+k.figure, per10000(d.worker.cpu, k.rows))
	b.add(costPeak+k.figure, d.worker.peak)
	return nil
}
