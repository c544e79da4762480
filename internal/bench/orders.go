package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

// clients is how many write orders at once, each on a connection of its own.
const clients = 16

// warmUp is how many orders each client commits before it counts: the first ones of
// a session compile and plan.
const warmUp = 25

// orders has the clients commit orders for a while, and returns how many a second.
func (m *tax) orders(ctx context.Context, d *database, row rowWriter) (float64, error) {
	var (
		count atomic.Int64
		warm  sync.WaitGroup
	)
	warm.Add(clients)
	all, ctx := errgroup.WithContext(ctx)
	for number := range clients {
		all.Go(func() error {
			c := client{number: number, body: orderBody(), row: row}
			err := c.connect(ctx, d)
			warm.Done()
			if err != nil {
				return err
			}
			defer c.conn.Release()
			warm.Wait()
			done, err := c.work(ctx, m.length)
			count.Add(done)
			return err
		})
	}
	err := all.Wait()
	return perSecond(int(count.Load()), m.length), err
}

// client commits one order after the other.
type client struct {
	number int
	conn   *pgxpool.Conn
	body   string
	row    rowWriter
	orders int
}

// connect gets a connection, and warms it up.
func (c *client) connect(ctx context.Context, d *database) (err error) {
	if c.conn, err = d.pool.Acquire(ctx); err != nil {
		return fmt.Errorf("connect a client: %w", err)
	}
	for range warmUp {
		if err := c.order(ctx); err != nil {
			c.conn.Release()
			return err
		}
	}
	return nil
}

// work commits orders for a while, and returns how many ended in time.
func (c *client) work(ctx context.Context, length time.Duration) (done int64, err error) {
	for end := time.Now().Add(length); ; done++ {
		if err := c.order(ctx); err != nil {
			return done, err
		}
		if time.Now().After(end) {
			return done, nil
		}
	}
}

// order is one transaction of the shop.
func (c *client) order(ctx context.Context) error {
	c.orders++
	orderNo := fmt.Sprintf("%02d-%013d", c.number, c.orders)
	err := pgx.BeginFunc(ctx, c.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "insert into bench.orders (order_no, merchant, fee) values ($1, 'm-1', 1999)", orderNo); err != nil {
			return err
		}
		return c.row(ctx, tx, orderNo, c.body)
	})
	if err != nil {
		return fmt.Errorf("commit an order: %w", err)
	}
	return nil
}
