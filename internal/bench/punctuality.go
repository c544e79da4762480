package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// punctuality is how long after its due time a message arrives.
type punctuality struct {
	rounds int
	rows   int
	over   time.Duration // how far the due times are spread
	ahead  time.Duration // how long before the first of them the rows are written
	poll   time.Duration // over which the poll's are spread
}

func newPunctuality(o Options) *punctuality {
	return &punctuality{
		rounds: o.times(2), rows: size(o, 4_000, 200), over: size(o, 20*time.Second, time.Second),
		ahead: size(o, 3*time.Second, time.Second), poll: size(o, 5*time.Second, time.Second),
	}
}

func (*punctuality) name() string { return "punctuality" }

// Figures of the punctuality.
const (
	figLateP50 = "p50"
	figLateP99 = "p99"
	figLateMax = "max"
)

func (*punctuality) lines() []line {
	return []line{
		{figure: figLateP50, unit: "ms", yardstick: figPollP50},
		{figure: figLateP99, unit: "ms", yardstick: figPollP99, target: speedAtMost(5)},
		{figure: figLateMax, unit: "ms", yardstick: figPollMax},
	}
}

func (m *punctuality) take(ctx context.Context, r *rig, b *book) error {
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

const (
	laterOurs = `
		insert into orderbell.notification (endpoint, event, order_no, body, deliver_at)
		select 'noted-1', 'trade.success', lpad(i::text, 16, '0'), ` + bodySQL + `, $2::timestamptz + i * $3::interval
		from generate_series(1, $1::int) i
		returning id::text, deliver_at`
	laterPolled = `
		insert into bench.forum_notification (order_no, url, body, next_time)
		select lpad(i::text, 16, '0'), $4, ` + bodySQL + `, $2::timestamptz + i * $3::interval
		from generate_series(1, $1::int) i
		returning id::text, next_time`
)

func (m *punctuality) ours(ctx context.Context, r *rig, b *book) error {
	w, err := r.freshWorker(ctx, r.db)
	if err != nil {
		return err
	}
	found, err := m.lateness(ctx, r, w.ended, laterOurs, m.rows, m.over)
	if _, err := w.end(err); err != nil {
		return err
	}
	b.latencies(found, figLateP50, figLateP99, figLateMax)
	return nil
}

func (m *punctuality) polled(ctx context.Context, r *rig, b *book) error {
	if err := r.db.clear(ctx); err != nil {
		return err
	}
	found, err := r.withPoll(ctx, r.db, func(ctx context.Context, ended <-chan struct{}) ([]float64, error) {
		return m.lateness(ctx, r, ended, laterPolled, m.rows/4, m.poll, r.noted())
	})
	if err == nil {
		b.latencies(found, figPollP50, figPollP99, figPollMax)
	}
	return err
}

// lateness writes rows that fall due one after the other, and says how late each
// of them arrived.
func (m *punctuality) lateness(ctx context.Context, r *rig, ended <-chan struct{}, statement string, rows int, over time.Duration, more ...any) ([]float64, error) {
	if err := r.merchant.Reset(); err != nil {
		return nil, err
	}
	ahead, err := r.db.clockAhead(ctx)
	if err != nil {
		return nil, err
	}
	first := time.Now().Add(m.ahead + ahead)
	args := append([]any{rows, first, over / time.Duration(rows)}, more...)
	found, err := r.db.pool.Query(ctx, statement, args...)
	if err != nil {
		return nil, fmt.Errorf("write rows for later: %w", err)
	}
	due := make(map[string]time.Time, rows)
	var (
		id string
		at time.Time
	)
	if _, err := pgx.ForEachRow(found, []any{&id, &at}, func() error {
		due[id] = at.Add(-ahead)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("write rows for later: %w", err)
	}
	if err := pause(ctx, m.ahead+over); err != nil {
		return nil, err
	}
	arrivals, err := r.arrivals(ctx, rows, ended)
	if err != nil {
		return nil, err
	}
	return latencies(due, arrivals)
}

// clockAhead is how far the database's clock is ahead of ours: next to nothing on
// the same machine. The shortest of some questions tells it best.
func (d *database) clockAhead(ctx context.Context) (time.Duration, error) {
	const questions = 20
	best, ahead := time.Hour, time.Duration(0)
	for range questions {
		asked := time.Now()
		there, err := ask[time.Time](ctx, d, "read the clock", "select clock_timestamp()")
		if err != nil {
			return 0, err
		}
		if took := time.Since(asked); took < best {
			best, ahead = took, there.Sub(asked.Add(took/2))
		}
	}
	return ahead, nil
}
