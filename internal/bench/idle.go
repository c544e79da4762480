package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// idle is what a worker costs while nothing is due.
type idle struct {
	rounds int
	before time.Duration // without a worker, for the server's own processor time
	settle time.Duration // until the worker sleeps
	length time.Duration
}

func newIdle(o Options) *idle {
	return &idle{
		rounds: o.times(1), before: size(o, 15*time.Second, 400*time.Millisecond),
		settle: size(o, 5*time.Second, 800*time.Millisecond), length: size(o, time.Minute, 3*time.Second),
	}
}

func (*idle) name() string { return "idle" }

// Figures of the idle worker.
const (
	figXacts      = "transactions a minute"
	figXactsAlone = "an idle database's own"
	figXactsOurs  = "transactions a minute above that"
	figIdleCPU    = "worker CPU a minute"
	figIdlePg     = "Postgres CPU a minute"
	figIdlePgBare = "without a worker"
)

func (*idle) lines() []line {
	return []line{
		{figure: figXacts, unit: "/min", yardstick: figXactsAlone},
		{figure: figXactsOurs, unit: "/min", target: countAtMost(4)},
		{figure: figIdleCPU, unit: "ms"},
		{figure: figIdlePg, unit: "ms", yardstick: figIdlePgBare},
	}
}

// take uses two databases that are alike: what Postgres does in one of them by
// itself, it does in the other too.
func (m *idle) take(ctx context.Context, r *rig, b *book) error {
	for round := range m.rounds {
		b.say("round %d of %d: %s without a worker, %s with one, then %s", round+1, m.rounds, m.before, m.settle, m.settle+m.length)
		ours, err := r.another(ctx)
		if err != nil {
			return err
		}
		twin, err := r.another(ctx)
		if err != nil {
			return err
		}
		// Their connections end, and with them what they had not reported yet.
		ours.pool.Reset()
		twin.pool.Reset()
		if err := m.round(ctx, r, b, ours, twin); err != nil {
			return err
		}
	}
	return nil
}

func (m *idle) round(ctx context.Context, r *rig, b *book, ours, twin *database) error {
	before, known := r.place.postgresCPU()
	if err := pause(ctx, m.before); err != nil {
		return err
	}
	after, _ := r.place.postgresCPU()
	short, err := m.life(ctx, r, ours, twin, 0)
	if err != nil {
		return err
	}
	long, err := m.life(ctx, r, ours, twin, m.length)
	if err != nil {
		return err
	}
	with, without := perMinute(long.ours-short.ours, m.length), perMinute(long.twin-short.twin, m.length)
	b.add(figXacts, with)
	b.add(figXactsAlone, without)
	b.add(figXactsOurs, max(with-without, 0))
	if long.known {
		b.add(figIdleCPU, perMinute(ms(long.worker), m.length))
	} else {
		b.note(figIdleCPU, notHere)
	}
	if known {
		b.add(figIdlePg, perMinute(ms(long.postgres), m.length))
		b.add(figIdlePgBare, perMinute(ms(after-before), m.before))
	} else {
		b.note(figIdlePg, notHere)
	}
	return nil
}

// life is what a worker did in its life: transactions from its start to its end,
// and processor time once it had settled down.
type life struct {
	ours, twin       float64
	worker, postgres time.Duration
	known            bool // worker is
}

// life lets a worker settle down and live on for a while, with nothing to do.
func (m *idle) life(ctx context.Context, r *rig, ours, twin *database, length time.Duration) (found life, err error) {
	oursBefore, twinBefore, err := r.transactions(ctx, ours, twin)
	if err != nil {
		return life{}, err
	}
	w, err := r.startWorker(ctx, ours, yardstickInFlight)
	if err != nil {
		return life{}, err
	}
	if err = pause(ctx, m.settle); err == nil {
		pid := w.cmd.Process.Pid
		postgres, _ := r.place.postgresCPU()
		worker, _ := cpuOf(pid)
		err = pause(ctx, length)
		after, _ := r.place.postgresCPU()
		own, known := cpuOf(pid)
		found.postgres, found.worker, found.known = after-postgres, own-worker, known
	}
	if _, err = w.end(err); err != nil {
		return life{}, err
	}
	found.ours, found.twin, err = r.transactions(ctx, ours, twin)
	found.ours -= oursBefore
	found.twin -= twinBefore
	return found, err
}

// transactions reads the server's counters of two databases to which nobody is
// connected any more, through a connection to neither of them. What a session has
// done is counted for sure only when it has ended.
func (r *rig) transactions(ctx context.Context, ours, twin *database) (a, b float64, err error) {
	conn, err := pgx.Connect(ctx, r.place.admin)
	if err != nil {
		return 0, 0, withoutURL("reach the database", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	if err := deserted(ctx, conn, ours.name, twin.name); err != nil {
		return 0, 0, err
	}
	err = conn.QueryRow(ctx, `
		select sum(xact_commit + xact_rollback) filter (where datname = $1)::float8,
		       sum(xact_commit + xact_rollback) filter (where datname = $2)::float8
		from pg_stat_database`, ours.name, twin.name).Scan(&a, &b)
	if err != nil {
		return 0, 0, fmt.Errorf("read the server's counters: %w", err)
	}
	return a, b, nil
}

// deserted waits until no session is left in the databases, and the counters have
// had the time to be written.
func deserted(ctx context.Context, conn *pgx.Conn, databases ...string) error {
	const written = 600 * time.Millisecond // the collector of PostgreSQL 14 writes every half second
	for end := time.Now().Add(stalled); ; {
		var sessions int
		err := conn.QueryRow(ctx, `
			select count(*) from pg_stat_activity where datname = any ($1) and backend_type = 'client backend'`, databases).Scan(&sessions)
		if err != nil {
			return fmt.Errorf("look for sessions: %w", err)
		}
		if sessions == 0 {
			return pause(ctx, written)
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d sessions of a worker did not end within %s", sessions, stalled)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

func perMinute(amount float64, over time.Duration) float64 { return amount / over.Minutes() }
