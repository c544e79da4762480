package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

// producer commits messages at a steady rate, whether or not the database keeps up
// with it: a message that is late does not make the next one late.
type producer struct {
	rate   float64 // a second
	length time.Duration
	// commit writes message i in a transaction of its own, and returns its id.
	commit func(ctx context.Context, conn *pgxpool.Conn, i int) (string, error)
}

// producers is how many connections share the work.
const producers = 16

// committed is a message, and when its commit had returned.
type committed struct {
	id string
	at time.Time
}

// produce commits everything, and returns it and the rate that was reached.
func (p producer) produce(ctx context.Context, d *database) ([]committed, float64, error) {
	messages := make([]committed, max(int(p.rate*p.length.Seconds()), 1))
	var next atomic.Int64
	all, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for range min(producers, len(messages)) {
		all.Go(func() error {
			conn, err := d.pool.Acquire(ctx)
			if err != nil {
				return fmt.Errorf("connect a producer: %w", err)
			}
			defer conn.Release()
			for i := int(next.Add(1)) - 1; i < len(messages); i = int(next.Add(1)) - 1 {
				due := began.Add(time.Duration(float64(i) / p.rate * float64(time.Second)))
				if err := pause(ctx, time.Until(due)); err != nil {
					return err
				}
				id, err := p.commit(ctx, conn, i)
				if err != nil {
					return fmt.Errorf("commit a message: %w", err)
				}
				messages[i] = committed{id: id, at: time.Now()}
			}
			return nil
		})
	}
	err := all.Wait()
	return messages, perSecond(len(messages), time.Since(began)), err
}

// enqueue commits a notification for an endpoint.
func enqueue(endpoint string) func(context.Context, *pgxpool.Conn, int) (string, error) {
	return enqueueEach(func(int) string { return endpoint })
}

// enqueueEach commits notification i for the endpoint that is its own.
func enqueueEach(endpoint func(i int) string) func(context.Context, *pgxpool.Conn, int) (string, error) {
	body := orderBody()
	return func(ctx context.Context, conn *pgxpool.Conn, i int) (id string, err error) {
		err = conn.QueryRow(ctx, `
			select orderbell.enqueue(endpoint => $1, event => 'trade.success', order_no => $2, body => $3)::text`,
			endpoint(i), fmt.Sprintf("%016d", i), body).Scan(&id)
		return id, err
	}
}

// tell commits a message of the per-second poll.
func tell(url string) func(context.Context, *pgxpool.Conn, int) (string, error) {
	body := orderBody()
	return func(ctx context.Context, conn *pgxpool.Conn, i int) (id string, err error) {
		err = conn.QueryRow(ctx, `
			insert into bench.forum_notification (order_no, url, body) values ($1, $2, $3) returning id::text`,
			fmt.Sprintf("%016d", i), url, body).Scan(&id)
		return id, err
	}
}
