package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/orderbell/orderbell/internal/postgres"
)

// growth is whether a full database is slower than an empty one: two databases of
// one server, measured in turn.
type growth struct {
	rounds   int
	finished int // notifications with their history, over the last 14 days
	waiting  int // deliveries on later rungs, over 1,000 endpoints
	rows     int // of a drain
	claims   int // rows that are due while claims are timed
	pickup   time.Duration
}

func newGrowth(o Options) *growth {
	return &growth{
		rounds: o.times(7), finished: size(o, 1_000_000, 2_000), waiting: size(o, 1_000_000, 2_000),
		rows: size(o, 30_000, 1_000), claims: size(o, 20_000, 640), pickup: size(o, 4*time.Second, 500*time.Millisecond),
	}
}

func (*growth) name() string { return "growth" }

// Figures of the growth.
const (
	figDrainFull   = "drain, full"
	figDrainEmpty  = "drain, empty"
	figPickupFull  = "pickup p99, full"
	figPickupEmpty = "pickup p99, empty"
	figClaimFull   = "claim of 64, full"
	figClaimEmpty  = "claim of 64, empty"
)

func (*growth) lines() []line {
	return []line{
		{figure: figDrainFull, unit: "/s", yardstick: figDrainEmpty, target: ratioAtLeast(0.9)},
		{figure: figPickupFull, unit: "ms", yardstick: figPickupEmpty, target: ratioAtMost(1.2)},
		{figure: figClaimFull, unit: "ms", yardstick: figClaimEmpty, target: ratioAtMost(1.1)},
	}
}

func (m *growth) take(ctx context.Context, r *rig, b *book) error {
	empty, err := m.furnish(ctx, r)
	if err != nil {
		return err
	}
	full, err := m.furnish(ctx, r)
	if err != nil {
		return err
	}
	b.say("filling a database: %s finished, %s waiting", number(float64(m.finished)), number(float64(m.waiting)))
	if err := full.fill(ctx, m.finished, m.waiting); err != nil {
		return err
	}
	sides := []side{
		{empty, figDrainEmpty, figPickupEmpty, figClaimEmpty},
		{full, figDrainFull, figPickupFull, figClaimFull},
	}
	for round := range m.rounds {
		b.say("round %d of %d", round+1, m.rounds)
		for _, side := range sides {
			if err := m.measure(ctx, r, b, side); err != nil {
				return err
			}
		}
		slices.Reverse(sides) // neither is always the first
	}
	return errors.Join(r.drop(ctx, empty), r.drop(ctx, full))
}

// furnish makes a database with the endpoints of this measure.
func (m *growth) furnish(ctx context.Context, r *rig) (*database, error) {
	d, err := r.another(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.endpoints(ctx, "m", 1, r.answering(0)); err != nil {
		return nil, err
	}
	return d, d.endpoints(ctx, "noted", 1, r.noted())
}

// side is one of the two databases, and what its figures are called.
type side struct {
	database             *database
	drain, pickup, claim string
}

func (m *growth) measure(ctx context.Context, r *rig, b *book, s side) error {
	if err := s.database.top(ctx, "m", m.rows); err != nil {
		return err
	}
	drained, err := r.drain(ctx, s.database, kind{endpoint: "m", count: 1, rows: m.rows, inFlight: yardstickInFlight})
	if err != nil {
		return err
	}
	b.add(s.drain, drained.rate)
	p99, err := m.pickupP99(ctx, r, s.database)
	if err != nil {
		return err
	}
	b.add(s.pickup, p99)
	if err := s.database.top(ctx, "m", m.claims); err != nil {
		return err
	}
	took, err := claimTimes(ctx, s.database, "m-1", m.claims)
	if err != nil {
		return err
	}
	b.add(s.claim, median(took))
	return nil
}

func (m *growth) pickupP99(ctx context.Context, r *rig, d *database) (float64, error) {
	w, err := r.readyWorker(ctx, d)
	if err != nil {
		return 0, err
	}
	picked, err := r.pickup(ctx, d, 200, m.pickup, w)
	_, err = w.end(err)
	return percentile(picked.ms, 99), err
}

// top adds rows that are due to a database that is not cleared: both are vacuumed
// before each drain, as autovacuum would in time.
func (d *database) top(ctx context.Context, prefix string, rows int) error {
	if err := d.run(ctx, "vacuum", "vacuum (analyze) orderbell.delivery"); err != nil {
		return err
	}
	if err := d.settleDown(ctx); err != nil {
		return err
	}
	return d.preload(ctx, prefix, 1, rows)
}

// claimTimes claims everything that is due, 64 rows at a time, and settles it; it
// returns how long each claim took, in milliseconds.
func claimTimes(ctx context.Context, d *database, endpoint string, rows int) ([]float64, error) {
	db, err := postgres.Open(ctx, d.url, "bench")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var took []float64
	for left := rows; left > 0; {
		began := time.Now()
		claims, err := db.Claim(ctx, lane(endpoint, yardstickInFlight), nil, nil)
		if err != nil {
			return nil, err
		}
		took = append(took, ms(time.Since(began)))
		if len(claims) == 0 {
			return nil, fmt.Errorf("%d rows of %s could not be claimed", left, endpoint)
		}
		if err := settleAll(ctx, db, claims); err != nil {
			return nil, err
		}
		left -= len(claims)
	}
	return took, nil
}
