package demo

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// push is the scene in which orders are pushed to partners. What a partner is told of an
// order is held until the order's information is complete; what happened to the order
// later comes in order after it; a correction replaces what was not sent yet.
type push struct {
	*stage
	run      string
	partners []temper
	down     net.Listener // of the last partner: nobody answers there
	server   *merchants
	log      *shopLog

	mu sync.Mutex
	// complete is, for each order, just before the COMMIT of its release was sent.
	complete map[string]time.Duration
}

const (
	pushPerSecond = 12
	// pushStep is the time between two things that happen to an order.
	pushStep = 120 * time.Millisecond

	eventCreated = "order.created"
	eventPaid    = "order.paid"
	eventPacked  = "order.packed"
	eventShipped = "order.shipped"
)

func openPush(ctx context.Context, s *stage) (scene, error) {
	p := &push{
		stage: s, run: s.name + ".push", partners: partners(), complete: make(map[string]time.Duration),
		log: &shopLog{perMerchant: make([]int, len(partners()))},
	}
	var err error
	if p.server, err = openMerchants(ctx, p.run, p.partners); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, p.server.close)
	if p.down, err = new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("open the partner that is down: %w", err)
	}
	hungUp := make(chan struct{})
	s.closers = append(s.closers, func(context.Context) error {
		defer func() { <-hungUp }()
		return p.down.Close()
	})
	go func() {
		defer close(hungUp)
		hangUp(p.down)
	}()
	return p, nil
}

func (p *push) furnish(ctx context.Context, tx pgx.Tx) error {
	for i, t := range p.partners {
		url := p.server.url + "/" + t.endpoint
		if i == partnerDown {
			url = "http://" + p.down.Addr().String() + "/" + t.endpoint
		}
		if err := writeEndpoint(ctx, tx, t.endpoint, url, policyName); err != nil {
			return err
		}
	}
	return nil
}

func (p *push) play(selling, playing context.Context) {
	steadily(selling, pushPerSecond, func(n int) { p.complaints.tell(p.live(playing, n)) })
}

// live is an order's life, from its first line to the parcel.
func (p *push) live(ctx context.Context, n int) error {
	o := order{no: fmt.Sprintf("%s-%06d", p.run, n), merchant: n % len(p.partners)}
	if err := p.create(ctx, n, o); err != nil || rollsBack(n) {
		return err
	}
	steps := []func() error{
		func() error { return p.enqueue(ctx, o, eventPaid) }, // waits behind what is held
		func() error { return p.release(ctx, o) },
		func() error { return p.enqueue(ctx, o, eventPacked) },
		func() error { return p.enqueue(ctx, o, eventShipped) },
	}
	if n%3 == 0 {
		steps = append([]func() error{func() error { return p.correct(ctx, o) }}, steps...)
	}
	if neverComplete(n) {
		steps = steps[:1]
	}
	for _, step := range steps {
		if !pause(ctx, pushStep) {
			return nil
		}
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// neverComplete is one order in twenty: its information is never complete.
func neverComplete(n int) bool { return n%20 == 6 }

// create writes an order, and what its partner is to be told of it once it is complete.
func (p *push) create(ctx context.Context, n int, o order) error {
	o.event, o.held = eventCreated, true
	return p.write(ctx, o, rollsBack(n), func(ctx context.Context, tx pgx.Tx) (id string, err error) {
		if _, err := tx.Exec(ctx, "insert into shop.orders (order_no, merchant, cents) values ($1, $2, 100)",
			o.no, p.partners[o.merchant].endpoint); err != nil {
			return "", err
		}
		return p.put(ctx, tx, o, "hold => true")
	})
}

// correct replaces what is held by a newer state of the order.
func (p *push) correct(ctx context.Context, o order) error {
	o.event, o.held = eventCreated, true
	return p.write(ctx, o, false, func(ctx context.Context, tx pgx.Tx) (string, error) {
		return p.put(ctx, tx, o, "hold => true, supersede => true")
	})
}

// enqueue tells of what has happened to an order.
func (p *push) enqueue(ctx context.Context, o order, event string) error {
	o.event = event
	return p.write(ctx, o, false, func(ctx context.Context, tx pgx.Tx) (string, error) {
		return p.put(ctx, tx, o, "hold => false")
	})
}

func (p *push) put(ctx context.Context, tx pgx.Tx, o order, how string) (id string, err error) {
	err = tx.QueryRow(ctx, `
		select orderbell.enqueue(endpoint => $1, order_no => $2, event => $3, body => $4, sequence_key => $2, `+how+`)::text`,
		p.partners[o.merchant].endpoint, o.no, o.event, fmt.Sprintf(`{"order_no":%q,"event":%q}`, o.no, o.event)).Scan(&id)
	return id, err
}

// write runs one transaction and notes what became of its notification.
func (p *push) write(ctx context.Context, o order, rollBack bool, do func(context.Context, pgx.Tx) (string, error)) error {
	fate, err := transact(ctx, p.db, rollBack, func(ctx context.Context, tx pgx.Tx) (err error) {
		o.id, err = do(ctx, tx)
		return err
	})
	if o.fate = fate; fate == committed && o.event == eventCreated {
		p.log.withdraw(o.no, eventCreated) // the one before, if there is one
	}
	p.log.add(o)
	if err != nil {
		return fmt.Errorf("write %s of order %s: %w", o.event, o.no, err)
	}
	return nil
}

// release lets go what was held: the order's information is complete.
func (p *push) release(ctx context.Context, o order) error {
	_, err := transact(ctx, p.db, false, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select orderbell.release(endpoint => $1, order_no => $2)", p.partners[o.merchant].endpoint, o.no); err != nil {
			return err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.complete[o.no] = p.server.log.now()
		return nil
	})
	if err != nil {
		return fmt.Errorf("release order %s: %w", o.no, err)
	}
	return nil
}

func (p *push) line(context.Context) string {
	p.mu.Lock()
	complete := len(p.complete)
	p.mu.Unlock()
	orders, received := p.log.counts(), p.server.log.count()
	return fmt.Sprintf("push      %6d events  %6d complete   %6d taken   %6d refused",
		orders[committed], complete, received.acknowledged, received.attempts-received.acknowledged)
}

func (p *push) account(ctx context.Context, s *Summary) (logs, error) {
	figures, standings, logs, err := p.compared(ctx, p.run+"-", policyLadder(), p.log.all(), p.server.log.all)
	if err != nil {
		return logs, err
	}
	s.add(figures)
	of := comparePush(policyLadder(), logs, standings, p.complete)
	of.Figures, of.OK = figures, figures.kept() && of.kept()
	s.Scenes.Push = &of
	return logs, nil
}

func (s PushSummary) write(to io.Writer) {
	sentences(to, scenePush, s.broken(),
		"Partners were to hear of %d orders, each in up to four events, one after the other; they took %d pushes. "+
			"%d orders are not complete yet, and held. Sent before its release: %d. Out of order: %d. Replaced by a newer state before it was sent: %d. "+
			"One partner is down, and %d pushes wait for it; from complete to arrival at the others it took %.0f ms at p99.",
		s.OrdersCommitted, s.Acknowledged, s.Held, s.SentBeforeRelease, s.OutOfOrder, s.Superseded, s.WaitingForDown, s.P99)
}
