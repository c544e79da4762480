package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orderbell/orderbell/internal/postgres"
)

// neighbours is what endpoints that are ill cost those that are well, and whether the
// limits of an endpoint are kept.
type neighbours struct {
	rounds  int
	shops   int           // endpoints that answer at once
	hung    int           // of them, that do not where a part hangs
	due     int           // rows of the one that hangs
	waiting int           // endpoints with a row on a rung
	cold    time.Duration // of orders after a worker's start
	warm    time.Duration // of orders after that
	patient time.Duration // how long orders are waited for, after the last
	claims  int           // rows that are due while claims are timed, as many at each shop
	limits  limits
	outage  outage
}

func newNeighbours(o Options) *neighbours {
	return &neighbours{
		rounds: o.times(2), shops: size(o, 1_000, 100), hung: size(o, 300, 30),
		due: size(o, 500_000, 2_000), waiting: size(o, 50_000, 500),
		cold: size(o, 10*time.Second, 300*time.Millisecond), warm: size(o, 5*time.Second, 300*time.Millisecond),
		patient: size(o, 8*time.Second, 2*time.Second), claims: size(o, 20_000, 700),
		limits: newLimits(o), outage: newOutage(o),
	}
}

func (*neighbours) name() string { return "neighbours" }

// Figures of the neighbours. Each load's are followed by what is asked of them.
const (
	loadQuiet = "nobody hangs"
	loadOne   = "one hangs"
	loadPart  = "30 % hang"

	figClaimCrowd = "claim over 64 lanes, p99, crowded"
	figClaimAlone = "claim over 64 lanes, p99, alone"
)

const (
	ofP50     = ", p50"
	ofP99     = ", p99"
	ofMax     = ", max"
	ofColdP99 = ", first 10 s, p99"
	ofColdMax = ", first 10 s, max"
	ofWarmP99 = ", after them, p99"
	ofWarmMax = ", after them, max"
	ofHanging = ", requests hanging"
	ofMissing = ", not arrived"
)

func (m *neighbours) lines() []line {
	var lines []line
	for _, load := range []string{loadOne, loadPart} {
		lines = append(lines,
			line{figure: load + ofP50, unit: "ms", yardstick: loadQuiet + ofP50},
			line{figure: load + ofP99, unit: "ms", yardstick: loadQuiet + ofP99, target: ratioAtMost(2)},
			line{figure: load + ofP99, unit: "ms", target: speedAtMost(1000)},
			line{figure: load + ofMax, unit: "ms", yardstick: loadQuiet + ofMax},
			line{figure: load + ofColdP99, unit: "ms", yardstick: loadQuiet + ofColdP99},
			line{figure: load + ofColdMax, unit: "ms", yardstick: loadQuiet + ofColdMax},
			line{figure: load + ofWarmP99, unit: "ms", yardstick: loadQuiet + ofWarmP99},
			line{figure: load + ofWarmMax, unit: "ms", yardstick: loadQuiet + ofWarmMax},
			line{figure: load + ofHanging, unit: "at once"},
			line{figure: load + ofMissing, unit: "orders", yardstick: loadQuiet + ofMissing, target: countAtMost(0)})
	}
	lines = append(lines, line{figure: figClaimCrowd, unit: "ms", yardstick: figClaimAlone, target: speedAtMost(5)})
	lines = append(lines, m.limits.lines()...)
	return append(lines, m.outage.lines()...)
}

// take uses two databases of one server: one that is crowded, and one where nobody
// hangs, or a part of those that the orders go to.
func (m *neighbours) take(ctx context.Context, r *rig, b *book) error {
	calm, err := m.furnish(ctx, r)
	if err != nil {
		return err
	}
	crowded, err := m.furnish(ctx, r)
	if err != nil {
		return err
	}
	b.say("filling a database: %s rows due at one that hangs, %s endpoints waiting", number(float64(m.due)), number(float64(m.waiting)))
	if err := crowded.burden(ctx, m.due, m.waiting); err != nil {
		return err
	}
	for round := range m.rounds {
		b.say("round %d of %d", round+1, m.rounds)
		if err := m.round(ctx, r, b, calm, crowded, round%2 == 1); err != nil {
			return err
		}
	}
	if err := m.limits.take(ctx, r, b, calm); err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	if err := m.outage.take(ctx, r, b, calm); err != nil {
		return fmt.Errorf("outage: %w", err)
	}
	return errors.Join(r.drop(ctx, calm), r.drop(ctx, crowded))
}

// furnish makes a database with the endpoints of this measure.
func (m *neighbours) furnish(ctx context.Context, r *rig) (*database, error) {
	d, err := r.another(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.endpoints(ctx, "shop", m.shops, r.noted()); err != nil {
		return nil, err
	}
	if err := d.endpoints(ctx, "hung", m.hung, r.silent()); err != nil {
		return nil, err
	}
	return d, d.endpoints(ctx, "backlog", 1, r.silent())
}

// round takes everything that is held against something once; backwards every other
// time, so that nothing always comes first.
func (m *neighbours) round(ctx context.Context, r *rig, b *book, calm, crowded *database, backwards bool) error {
	nobody, part := crowd{healthy: m.shops}, crowd{healthy: m.shops, hung: m.hung}
	steps := []func() error{
		func() error { return m.claim(ctx, b, calm, figClaimAlone) },
		func() error { return m.claim(ctx, b, crowded, figClaimCrowd) },
		func() error { return m.load(loadQuiet, calm, nobody).take(ctx, r, b) },
		func() error { return m.load(loadOne, crowded, nobody).take(ctx, r, b) },
		func() error { return m.load(loadPart, calm, part).take(ctx, r, b) },
	}
	for i := range steps {
		if backwards {
			i = len(steps) - 1 - i
		}
		if err := steps[i](); err != nil {
			return err
		}
	}
	return nil
}

// load is one of the loads, which are all of the same length: what a worker's start
// costs its first orders is in each of them, and should weigh as much.
func (m *neighbours) load(name string, d *database, c crowd) load {
	return load{name: name, db: d, crowd: c, cold: m.cold, warm: m.warm, patient: m.patient}
}

// claim times claims as a worker makes them that has much to do: one row of each of 64
// lanes, the one that hangs among them. What is claimed ends as acknowledged.
func (m *neighbours) claim(ctx context.Context, b *book, d *database, figure string) error {
	if err := d.forget(ctx); err != nil {
		return err
	}
	if err := d.preload(ctx, "shop", m.shops, m.claims); err != nil {
		return err
	}
	db, err := postgres.Open(ctx, d.url, "bench")
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Ping(ctx); err != nil {
		return err
	}
	var took []float64
	for next := 0; next+63 <= m.claims; next += 63 {
		lanes := lane("backlog-1", 1)
		for i := range 63 {
			lanes = append(lanes, lane(fmt.Sprintf("shop-%d", 1+(next+i)%m.shops), 1)...)
		}
		began := time.Now()
		claims, err := db.Claim(ctx, lanes, nil, nil)
		if err != nil {
			return err
		}
		took = append(took, ms(time.Since(began)))
		if len(claims) < 63 {
			return fmt.Errorf("%d rows were claimed, of 63", len(claims))
		}
		if err := settleAll(ctx, db, claims); err != nil {
			return err
		}
	}
	b.add(figure, percentile(took, 99))
	return nil
}
