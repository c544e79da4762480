package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// books are what the shop's own tables say of a scene's orders, by order number.
type books map[string]*page

// page is what they say of one order.
type page struct {
	state string // unpaid, paid or closed
	// openFor is how long a closed order was open, by the database's clock.
	openFor time.Duration
	// accepted payments; and calls of each function, as the journal has them.
	accepted int
	calls    map[string]int
	// closings are the calls that have closed the order.
	closings int
}

// readBooks reads the shop's tables, for orders whose number begins with run.
func readBooks(ctx context.Context, db *pgxpool.Pool, run string) (books, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	b := make(books)
	var (
		no, what string
		p        page
		seconds  float64
		count    int
	)
	rows, err := db.Query(ctx, `
		select order_no, state, coalesce(extract(epoch from closed_at - created_at), 0)::double precision,
		       (select count(*)::integer from shop.payments p where p.order_no = o.order_no and p.accepted)
		from shop.orders o where starts_with(order_no, $1)`, run)
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&no, &p.state, &seconds, &p.accepted}, func() error {
			one := p
			one.openFor, one.calls = time.Duration(seconds*float64(time.Second)), make(map[string]int)
			b[no] = &one
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read the shop's orders: %w", err)
	}
	var closings int
	rows, err = db.Query(ctx, `
		select order_no, what, count(*)::integer, (count(*) filter (where what = 'close_unpaid' and says = 'closed'))::integer
		from shop.journal where starts_with(order_no, $1) group by order_no, what`, run)
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&no, &what, &count, &closings}, func() error {
			if b[no] == nil {
				b[no] = &page{calls: make(map[string]int)} // a call for an order that is not there
			}
			b[no].calls[what] += count
			b[no].closings += closings
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read the shop's journal: %w", err)
	}
	return b, nil
}

// of is what the books say of an order; nothing, where they don't know it.
func (b books) of(orderNo string) page {
	if p := b[orderNo]; p != nil {
		return *p
	}
	return page{}
}

// states counts a scene's orders by their state; nothing where that cannot be read now.
func (s *stage) states(ctx context.Context, run string) map[string]int {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	counts := make(map[string]int)
	rows, err := s.db.Query(ctx, "select state, count(*)::integer from shop.orders where starts_with(order_no, $1) group by state", run+"-")
	if err != nil {
		return counts
	}
	var (
		state string
		n     int
	)
	_, _ = pgx.ForEachRow(rows, []any{&state, &n}, func() error {
		counts[state] = n
		return nil
	})
	return counts
}
