package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// tax is what a notification costs the order that writes it: order transactions a
// second, of clients that do nothing else.
type tax struct {
	rounds  int
	length  time.Duration
	backlog int
}

func newTax(o Options) *tax {
	return &tax{rounds: o.times(5), length: size(o, 5*time.Second, 400*time.Millisecond), backlog: size(o, 20_000, 500)}
}

func (*tax) name() string { return "tax" }

// Figures of the tax.
const (
	figOrders    = "orders alone"
	figPlain     = "with a plain outbox row"
	figOurs      = "with ours, no worker"
	figQuiet     = "with ours, no bell"
	figBusy      = "with ours, worker busy"
	figSaturated = "with ours, worker saturated"
)

func (*tax) lines() []line {
	return []line{
		{figure: figOrders, unit: "/s"},
		{figure: figPlain, unit: "/s", yardstick: figOrders},
		{figure: figOurs, unit: "/s", yardstick: figPlain, target: ratioAtLeast(0.8)},
		{figure: figBusy, unit: "/s", yardstick: figPlain, target: ratioAtLeast(0.8)},
		{figure: figSaturated, unit: "/s", yardstick: figPlain, target: ratioAtLeast(0.8)},
		{figure: figOurs, unit: "/s", yardstick: figQuiet, target: ratioAtLeast(0.88)},
		{figure: figBusy, unit: "/s", yardstick: figQuiet, target: ratioAtLeast(0.88)},
		{figure: figSaturated, unit: "/s", yardstick: figQuiet, target: ratioAtLeast(0.88)},
	}
}

// Endpoints that keep every request for long, so that a worker delivers next to
// nothing: see the package's decisions.
const (
	late       = "late" // answers after a second
	stuck      = "stuck"
	lateDelay  = time.Second
	stuckDelay = time.Minute // longer than a variant lasts
)

// second is the endpoint of the orders' own notifications; the backlog is the first's.
const second = "-2"

// variant is one way of writing an order.
type variant struct {
	figure string
	row    rowWriter
	quiet  bool   // no bell
	worker string // the endpoints that keep a worker busy; empty: there is none
}

func variants() []variant {
	return []variant{
		{figure: figOrders, row: nobody},
		{figure: figPlain, row: plainRow},
		{figure: figOurs, row: notification(late + second)},
		{figure: figQuiet, row: notification(late + second), quiet: true},
		{figure: figBusy, row: notification(late + second), worker: late},
		{figure: figSaturated, row: notification(stuck + second), worker: stuck},
	}
}

func (m *tax) take(ctx context.Context, r *rig, b *book) error {
	for prefix, delay := range map[string]time.Duration{late: lateDelay, stuck: stuckDelay} {
		if err := r.db.endpoints(ctx, prefix, 2, r.answering(delay)); err != nil {
			return err
		}
	}
	for round := range m.rounds {
		b.say("round %d of %d", round+1, m.rounds)
		for _, v := range variants() {
			rate, err := m.variant(ctx, r, v)
			if err != nil {
				return fmt.Errorf("%s: %w", v.figure, err)
			}
			b.add(v.figure, rate)
		}
	}
	return nil
}

// variant measures one of them, beside a worker if it wants one.
func (m *tax) variant(ctx context.Context, r *rig, v variant) (rate float64, err error) {
	if err := r.db.clear(ctx); err != nil {
		return 0, err
	}
	if v.quiet {
		whole, failed := r.db.mute(ctx)
		if failed != nil {
			return 0, failed
		}
		defer func() {
			if failed := r.db.run(context.WithoutCancel(ctx), "give the trigger its bell back", whole); err == nil {
				err = failed
			}
		}()
	}
	if v.worker == "" {
		if err := r.db.settleDown(ctx); err != nil {
			return 0, err
		}
		return m.orders(ctx, r.db, v.row)
	}
	if err := r.db.prepare(ctx, v.worker, 1, m.backlog); err != nil {
		return 0, err
	}
	w, err := r.occupied(ctx)
	if err != nil {
		return 0, err
	}
	rate, err = m.orders(ctx, r.db, v.row)
	_, err = w.end(err)
	return rate, err
}

// occupied is a worker whose every slot is taken.
func (r *rig) occupied(ctx context.Context) (*workerProcess, error) {
	if err := r.merchant.Reset(); err != nil {
		return nil, err
	}
	w, err := r.startWorker(ctx, r.db, yardstickInFlight)
	if err != nil {
		return nil, err
	}
	w.gentle = 0 // its requests have no answer for long
	if _, err := r.waitForRequests(ctx, yardstickInFlight, w.ended); err != nil {
		_, err = w.end(err)
		return nil, err
	}
	return w, nil
}

// theBell is what the notification's trigger does for the bell.
const theBell = "if any_due and not pg_try_advisory_xact_lock_shared(1330791493, 1) then"

// mute makes the notification's trigger one that knows no bell, and returns the
// whole one. To poll would not do: the trigger tries the lock then too.
func (d *database) mute(ctx context.Context) (whole string, err error) {
	whole, err = ask[string](ctx, d, "read the trigger", "select pg_get_functiondef('orderbell.notification_inserted()'::regprocedure)")
	if err != nil {
		return "", err
	}
	muted := strings.Replace(whole, theBell, "if false then", 1)
	if muted == whole {
		return "", errors.New("take the bell from the trigger: it was not found there")
	}
	return whole, d.run(ctx, "take the bell from the trigger", muted)
}

// rowWriter writes what an order's transaction has beside the order.
type rowWriter func(ctx context.Context, tx pgx.Tx, orderNo, body string) error

func nobody(context.Context, pgx.Tx, string, string) error { return nil }

func plainRow(ctx context.Context, tx pgx.Tx, orderNo, body string) error {
	_, err := tx.Exec(ctx, `
		insert into bench.forum_notification (order_no, url, body) values ($1, 'https://shop.example/notify', $2)`, orderNo, body)
	return err
}

func notification(endpoint string) rowWriter {
	return func(ctx context.Context, tx pgx.Tx, orderNo, body string) error {
		_, err := tx.Exec(ctx, `
			insert into orderbell.notification (endpoint, event, order_no, body)
			values ($1, 'trade.success', $2, $3)`, endpoint, orderNo, body)
		return err
	}
}
