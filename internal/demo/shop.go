package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	ordersPerSecond = 40
	// clerks place orders at the same time.
	clerks = 4
	// orderTimeout bounds one order's transaction.
	orderTimeout = 5 * time.Second
)

// shop places orders, each in one transaction with its notification.
type shop struct {
	db      *pgxpool.Pool
	run     string // begins every order number, so that runs do not collide
	tempers []temper
	turns   []int
	log     *shopLog
	says    *slog.Logger

	mu   sync.Mutex
	said string // the last complaint
}

func openShop(db *pgxpool.Pool, run string, of []temper, says *slog.Logger) *shop {
	return &shop{
		db: db, run: run, tempers: of, turns: turns(of), says: says,
		log: &shopLog{perMerchant: make([]int, len(of))},
	}
}

// sell places orders until ctx ends, and returns when the last one is over.
func (s *shop) sell(ctx context.Context) {
	numbers := make(chan int)
	var selling sync.WaitGroup
	defer selling.Wait()
	defer close(numbers)
	for range clerks {
		selling.Go(func() {
			for n := range numbers {
				s.place(ctx, n)
			}
		})
	}
	tick := time.NewTicker(time.Second / ordersPerSecond)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		select {
		case <-ctx.Done():
			return
		case numbers <- n:
		}
	}
}

// place writes one order to the end, also when the shop is closing: an order that
// is cut off would be one of unknown fate.
func (s *shop) place(ctx context.Context, n int) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), orderTimeout)
	defer cancel()
	o := order{no: fmt.Sprintf("%s-%06d", s.run, n), merchant: s.turns[n%len(s.turns)]}
	err := s.write(ctx, n, &o)
	s.log.add(o)
	s.complain(err)
}

// write is the shop's transaction. It sets the order's id and fate.
func (s *shop) write(ctx context.Context, n int, o *order) error {
	o.fate = failed
	tx, err := s.db.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin order %s: %w", o.no, err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // does nothing after COMMIT
	cents := 100 + n%9900
	if _, err := tx.Exec(ctx, "insert into shop.orders (order_no, merchant, cents) values ($1, $2, $3)",
		o.no, s.tempers[o.merchant].endpoint, cents); err != nil {
		return fmt.Errorf("write order %s: %w", o.no, err)
	}
	if o.id, err = s.notify(ctx, tx, n, *o, cents); err != nil {
		return fmt.Errorf("write the notification of order %s: %w", o.no, err)
	}
	if rollsBack(n) {
		o.fate = rolledBack
		return nil
	}
	return s.commit(ctx, tx, o)
}

func (s *shop) commit(ctx context.Context, tx pgx.Tx, o *order) error {
	err := tx.Commit(ctx)
	switch {
	case err == nil:
		o.fate = committed
		return nil
	case errors.Is(err, pgx.ErrTxCommitRollback):
		o.fate = failed
	default:
		o.fate = unknown
	}
	return fmt.Errorf("commit order %s: %w", o.no, err)
}

// notify writes the notification: most by the function, some by a plain INSERT,
// as an ORM would.
func (s *shop) notify(ctx context.Context, tx pgx.Tx, n int, o order, cents int) (id string, err error) {
	body := fmt.Sprintf(`{"order_no":%q,"trade_status":"TRADE_SUCCESS","total_amount":"%d.%02d"}`, o.no, cents/100, cents%100)
	statement := "select orderbell.enqueue($1, $2, $3, $4)::text"
	if n%3 == 0 {
		statement = "insert into orderbell.notification (endpoint, event, order_no, body) values ($1, $2, $3, $4) returning id::text"
	}
	err = tx.QueryRow(ctx, statement, s.tempers[o.merchant].endpoint, "trade.success", o.no, body).Scan(&id)
	return id, err
}

// rollsBack is one order in five.
func rollsBack(n int) bool { return n%5 == 4 }

// complain tells of an error, once until it changes.
func (s *shop) complain(err error) {
	if err == nil {
		return
	}
	cause := err
	for errors.Unwrap(cause) != nil {
		cause = errors.Unwrap(cause)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.said != cause.Error() {
		s.said = cause.Error()
		s.says.Error("the shop could not place an order; it goes on", "error", err)
	}
}
