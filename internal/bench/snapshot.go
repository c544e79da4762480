package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// snapshot is what it costs when somebody keeps a transaction open: the rows that
// were deleted since cannot be cleaned away.
type snapshot struct {
	rounds int
	rows   int
}

func newSnapshot(o Options) *snapshot {
	return &snapshot{rounds: o.times(1), rows: size(o, 400_000, 4_000)}
}

func (*snapshot) name() string { return "snapshot" }

// Figures of the snapshot.
const (
	figHeldDrain = "drain, snapshot held"
	figFreeDrain = "drain, without"
	figHeldCPU   = "Postgres CPU per 10,000, held"
	figFreeCPU   = "Postgres CPU per 10,000, without"
	figHeldClaim = "claim, in the last tenth, held"
	figFreeClaim = "claim, in the last tenth, without"
)

func (*snapshot) lines() []line {
	return []line{
		{figure: figHeldDrain, unit: "/s", yardstick: figFreeDrain},
		{figure: figHeldCPU, unit: "s", yardstick: figFreeCPU, target: ratioAtMost(2)},
		{figure: figHeldClaim, unit: "ms", yardstick: figFreeClaim, target: ratioAtMost(1.5)},
	}
}

func (m *snapshot) take(ctx context.Context, r *rig, b *book) error {
	if err := r.db.endpoints(ctx, "m", 1, r.answering(0)); err != nil {
		return err
	}
	for round := range m.rounds {
		b.say("round %d of %d: %s deliveries without a snapshot, then with one", round+1, m.rounds, number(float64(m.rows)))
		if err := m.measure(ctx, r, b, false); err != nil {
			return err
		}
		if err := m.measure(ctx, r, b, true); err != nil {
			return err
		}
	}
	return nil
}

func (m *snapshot) measure(ctx context.Context, r *rig, b *book, held bool) error {
	drainName, cpu, claim := figFreeDrain, figFreeCPU, figFreeClaim
	if held {
		drainName, cpu, claim = figHeldDrain, figHeldCPU, figHeldClaim
	}
	if err := r.db.prepare(ctx, "m", 1, m.rows); err != nil {
		return err
	}
	if held {
		release, err := r.db.holdSnapshot(ctx)
		if err != nil {
			return err
		}
		defer release()
	}
	if err := r.merchant.Reset(); err != nil {
		return err
	}
	var claims *timedClaims
	cost, err := r.cost(ctx, r.db, func() (err error) {
		claims, err = workHere(ctx, r.db, yardstickInFlight, r.options.Version, func() error {
			_, err := r.waitForRequests(ctx, int64(m.rows), nil)
			return err
		})
		return err
	})
	if err != nil {
		return err
	}
	count, err := r.merchant.Count()
	if err != nil {
		return err
	}
	b.add(drainName, float64(m.rows)/(float64(count.Last-count.First)/1e9))
	b.addTime(cpu, cost, m.rows)
	b.add(claim, claims.lastTenth())
	return nil
}

// holdSnapshot opens a transaction that keeps seeing what there is now.
func (d *database) holdSnapshot(ctx context.Context) (release func(), err error) {
	tx, err := d.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return nil, fmt.Errorf("hold a snapshot: %w", err)
	}
	release = func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }
	if _, err := tx.Exec(ctx, "select count(*) from orderbell.setting"); err != nil {
		release()
		return nil, errors.Join(errors.New("hold a snapshot"), err)
	}
	return release, nil
}
