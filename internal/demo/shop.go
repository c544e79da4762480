package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	ordersPerSecond = 40
	// clerks place orders at the same time.
	clerks = 4
)

// shop places orders, each in one transaction with its notification.
type shop struct {
	db         *pgxpool.Pool
	run        string // begins every order number, so that runs do not collide
	tempers    []temper
	turns      []int
	log        *shopLog
	complaints *complaints
}

func openShop(db *pgxpool.Pool, run string, of []temper, c *complaints) *shop {
	return &shop{
		db: db, run: run, tempers: of, turns: turns(of), complaints: c,
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

// place writes one order, with its notification.
func (s *shop) place(ctx context.Context, n int) {
	o := order{no: fmt.Sprintf("%s-%06d", s.run, n), merchant: s.turns[n%len(s.turns)]}
	var err error
	o.fate, err = transact(ctx, s.db, rollsBack(n), func(ctx context.Context, tx pgx.Tx) (err error) {
		cents := 100 + n%9900
		if _, err := tx.Exec(ctx, "insert into shop.orders (order_no, merchant, cents) values ($1, $2, $3)",
			o.no, s.tempers[o.merchant].endpoint, cents); err != nil {
			return fmt.Errorf("write order %s: %w", o.no, err)
		}
		if o.id, err = s.notify(ctx, tx, n, o, cents); err != nil {
			return fmt.Errorf("write the notification of order %s: %w", o.no, err)
		}
		return nil
	})
	s.log.add(o)
	s.complaints.tell(err)
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
