package demo

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// closing is the scene in which orders are closed that nobody has paid in time. The
// closing is an action, due some time after the order, and payments race with it.
type closing struct {
	*stage
	run string
	log *shopLog

	mu     sync.Mutex
	payers map[string]payer
}

// payer is what somebody who paid was told.
type payer struct {
	fate     fate // of the payment's transaction
	accepted bool
}

const (
	closePerSecond = 15
	eventClose     = "order.close"
	endpointClose  = "demo-close"
	closeCents     = 4200
)

// closeAfter stands for the 30 minutes that one has to pay.
func (o Options) closeAfter() time.Duration {
	return min(max(o.For/6, 500*time.Millisecond), 3*time.Second)
}

func openClose(_ context.Context, s *stage) (scene, error) {
	return &closing{
		stage: s, run: s.name + ".close", log: &shopLog{perMerchant: make([]int, 1)}, payers: make(map[string]payer),
	}, nil
}

func (c *closing) furnish(ctx context.Context, tx pgx.Tx) error {
	return writeEndpoint(ctx, tx, endpointClose, "sql:shop.close_unpaid", policyName)
}

func (c *closing) play(selling, playing context.Context) {
	steadily(selling, closePerSecond, func(n int) { c.complaints.tell(c.live(playing, n)) })
}

// live is an order's life: it is paid early, or about when it is closed, or never.
func (c *closing) live(ctx context.Context, n int) error {
	o := order{no: fmt.Sprintf("%s-%06d", c.run, n), event: eventClose}
	due := time.Now().Add(c.options.closeAfter())
	if err := c.place(ctx, o, rollsBack(n)); err != nil || rollsBack(n) {
		return err
	}
	var at time.Time
	switch n % 4 {
	case 0:
		return nil // nobody pays
	case 1:
		at = due.Add(-c.options.closeAfter() / 2)
	default:
		// From when the time is over to after the worker has woken.
		at = due.Add(time.Duration(n%16) * 5 * time.Millisecond)
	}
	if !pause(ctx, time.Until(at)) {
		return nil
	}
	return c.pay(ctx, o, n%4 == 1)
}

// place writes an order and its closing.
func (c *closing) place(ctx context.Context, o order, rollBack bool) error {
	var err error
	o.fate, err = transact(ctx, c.db, rollBack, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "insert into shop.orders (order_no, merchant, cents) values ($1, $2, $3)",
			o.no, endpointClose, closeCents); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `
			select orderbell.enqueue(endpoint => $1, event => $2, order_no => $3, body => '{}', deliver_after => $4)::text`,
			endpointClose, o.event, o.no, c.options.closeAfter()).Scan(&o.id)
	})
	c.log.add(o)
	if err != nil {
		return fmt.Errorf("write order %s: %w", o.no, err)
	}
	return nil
}

// pay pays an order; the early ones take back its closing.
func (c *closing) pay(ctx context.Context, o order, early bool) error {
	var paid payer
	var err error
	paid.fate, err = transact(ctx, c.db, false, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, "select shop.pay($1, 'counter', $1, $2)", o.no, closeCents).Scan(&paid.accepted)
		if err == nil && early && paid.accepted {
			_, err = tx.Exec(ctx, "select orderbell.cancel(endpoint => $1, order_no => $2, event => $3)", endpointClose, o.no, o.event)
		}
		return err
	})
	if early && paid.accepted && (paid.fate == committed || paid.fate == unknown) {
		c.log.withdraw(o.no, o.event)
	}
	c.mu.Lock()
	c.payers[o.no] = paid
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("pay order %s: %w", o.no, err)
	}
	return nil
}

func (c *closing) line(ctx context.Context) string {
	orders, in := c.log.counts(), c.states(ctx, c.run)
	c.mu.Lock()
	late := 0
	for _, p := range c.payers {
		if p.fate == committed && !p.accepted {
			late++
		}
	}
	c.mu.Unlock()
	return fmt.Sprintf("close     %6d orders  %6d paid       %6d closed  %6d paid too late",
		orders[committed], in["paid"], in["closed"], late)
}

func (c *closing) account(ctx context.Context, s *Summary) (logs, error) {
	orders := c.log.all()
	var unread error
	figures, _, logs, err := c.compared(ctx, c.run+"-", policyLadder(), orders, func() (calls []request) {
		calls, unread = readCalls(ctx, c.db, c.run+"-", orders)
		return calls
	})
	if err == nil {
		err = unread
	}
	if err != nil {
		return logs, err
	}
	books, err := readBooks(ctx, c.db, c.run+"-")
	if err != nil {
		return logs, err
	}
	s.add(figures)
	of := compareClosing(orders, c.payers, books, c.options.closeAfter())
	of.Figures, of.OK = figures, figures.kept() && of.kept()
	s.Scenes.Close = &of
	return logs, nil
}

// readCalls reads the calls of the action that the shop's journal has, as if they were
// requests: what the function did is there exactly if the call was acknowledged.
func readCalls(ctx context.Context, db *pgxpool.Pool, run string, orders []order) ([]request, error) {
	idOf := make(map[string]string, len(orders))
	for _, o := range orders {
		idOf[o.no] = o.id
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	rows, err := db.Query(ctx, "select order_no from shop.journal where what = 'close_unpaid' and starts_with(order_no, $1) order by id", run)
	var calls []request
	var no string
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&no}, func() error {
			at := time.Duration(len(calls)) // their order is enough
			calls = append(calls, request{id: idOf[no], orderNo: no, at: at, answered: at, acknowledged: true})
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read the calls of the action: %w", err)
	}
	return calls, nil
}

func (s CloseSummary) write(to io.Writer) {
	sentences(to, sceneClose, s.broken(),
		"%d orders were to be closed unless they were paid in time. %d were paid, %d were closed by the action, and %d are open still. "+
			"%d payments came just as the time was over: %d of them were too late, and are given back. Paid and closed: %d. Closed twice: %d. Closed too early: %d.",
		s.OrdersCommitted, s.Paid, s.Closed, s.Open, s.Raced, s.TooLate, s.PaidAndClosed, s.ClosedTwice, s.ClosedEarly)
}
