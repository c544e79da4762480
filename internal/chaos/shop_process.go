package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// orderTimeout bounds one order. A lock or a slow statement is given up before,
	// by the database, which names it: what is left is the network.
	orderTimeout = 10 * time.Second
	// reconnectPause follows a connection that could not be made.
	reconnectPause = 100 * time.Millisecond
)

// keepShop is the process of a shop. It ends when its orders are placed, or its
// standard input ends.
func keepShop(wanted string) error {
	var o ShopOptions
	if err := json.Unmarshal([]byte(wanted), &o); err != nil {
		return fmt.Errorf("read what to do: %w", err)
	}
	file, err := os.OpenFile(o.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of orders: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		defer stop()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	s := &shopkeeper{ShopOptions: o, log: &orderLog{file: file}}
	return errors.Join(s.sell(ctx), file.Close())
}

// shopkeeper places orders until told to stop.
type shopkeeper struct {
	ShopOptions
	log *orderLog
}

func (s *shopkeeper) sell(ctx context.Context) error {
	numbers := make(chan int)
	failed := make(chan error, s.Connections)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var selling sync.WaitGroup
	for range s.Connections {
		selling.Go(func() {
			if err := s.clerk(ctx, numbers); err != nil {
				failed <- err
				stop()
			}
		})
	}
	s.number(ctx, numbers)
	close(numbers)
	selling.Wait()
	close(failed)
	return <-failed // the first, or nil
}

// number hands out the orders' numbers, as fast as it was asked to.
func (s *shopkeeper) number(ctx context.Context, numbers chan<- int) {
	var tick <-chan time.Time
	if s.PerSecond > 0 {
		ticker := time.NewTicker(time.Second / time.Duration(s.PerSecond))
		defer ticker.Stop()
		tick = ticker.C
	}
	for n := 0; s.Orders == 0 || n < s.Orders; n++ {
		if tick != nil {
			select {
			case <-ctx.Done():
				return
			case <-tick:
			}
		}
		select {
		case <-ctx.Done():
			return
		case numbers <- n:
		}
	}
}

// clerk places orders on one connection. While there is none no order is placed.
func (s *shopkeeper) clerk(ctx context.Context, numbers <-chan int) error {
	var conn *pgx.Conn
	defer func() { leave(conn) }()
	for n := range numbers {
		if conn == nil || conn.IsClosed() {
			leave(conn)
			if conn = s.connect(ctx); conn == nil {
				return nil
			}
		}
		if err := s.place(ctx, conn, n); err != nil {
			return err
		}
	}
	return nil
}

func leave(conn *pgx.Conn) {
	if conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// connect tries until it succeeds; nil if the shop is told to stop before.
func (s *shopkeeper) connect(ctx context.Context) *pgx.Conn {
	for ctx.Err() == nil {
		config, err := pgx.ParseConfig(s.URL)
		if err == nil {
			config.ConnectTimeout = 2 * time.Second
			config.RuntimeParams["application_name"] = "shop/" + s.Run
			config.RuntimeParams["lock_timeout"] = "5s"
			config.RuntimeParams["statement_timeout"] = "8s"
			var conn *pgx.Conn
			if conn, err = pgx.ConnectConfig(ctx, config); err == nil {
				return conn
			}
		}
		fmt.Fprintln(os.Stderr, "no connection:", err)
		select {
		case <-ctx.Done():
		case <-time.After(reconnectPause):
		}
	}
	return nil
}

// place brings one order to its end, also when the shop is told to stop meanwhile.
// It returns an error only where the log cannot be written, or the database did what no
// fault excuses.
func (s *shopkeeper) place(ctx context.Context, conn *pgx.Conn, n int) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), orderTimeout)
	defer cancel()
	began := time.Now()
	o := Order{No: fmt.Sprintf("%s-%06d", s.Run, n)}
	tx, err := conn.Begin(ctx)
	if err == nil {
		err = s.write(ctx, tx, n, &o)
	}
	if errors.Is(err, errTwoIDs) {
		return err
	}
	if err != nil {
		o.Fate = Failed
		if tx != nil {
			_ = tx.Rollback(ctx) // what cannot be rolled back is not committed either
		}
	} else {
		o.Fate, o.Took = intended, time.Since(began)
		if err := s.log.add(o); err != nil {
			return err
		}
		o.Fate, err = end(ctx, tx, n)
	}
	o.Took = time.Since(began)
	o.explain(err)
	return s.log.add(o)
}
