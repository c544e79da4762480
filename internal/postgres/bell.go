package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// The bell's advisory lock, in the two-integer form that never meets anybody's
// bigint key. The trigger takes it shared: migrations/00003_enqueue.sql.
const bellLock = "1330791493, 1"

// withdrawal is how long a request for the lock waits behind an open order while
// its worker is busy again. Until then every commit rings.
const withdrawal = 3 * time.Second

// Bell wakes a sleeping worker. Whoever sleeps holds an advisory lock
// exclusively, or waits for it; an order's trigger, which tries it shared, then
// fails to get it and notifies. Being granted the lock means that every
// transaction that did not notify has ended: one more look sees their rows, and
// no wake-up can be lost.
//
// The bell is a hint. While Live is false, look every second.
type Bell struct {
	listening, locking *pgx.ConnConfig

	sessions atomic.Int32 // that are up, of the two
	asleep   atomic.Bool
	rung     chan struct{}
	change   chan struct{} // asleep was changed
}

// NewBell prepares a bell; Run makes it ring.
func NewBell(url, worker string) (*Bell, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the database URL for listening: %w", withoutPassword(err))
	}
	pin(config, worker)
	// Waiting is what these connections are for.
	config.RuntimeParams["statement_timeout"] = "0"
	config.RuntimeParams["lock_timeout"] = "0"
	// A worker that is cut off must not hold the lock for hours.
	config.RuntimeParams["tcp_keepalives_idle"] = "5"
	config.RuntimeParams["tcp_keepalives_interval"] = "2"
	config.RuntimeParams["tcp_keepalives_count"] = "3"
	locking := config.Copy()
	// Giving up the wait for the lock must not cost the connection.
	locking.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: time.Second}
	}
	return &Bell{
		listening: config, locking: locking,
		rung: make(chan struct{}, 1), change: make(chan struct{}, 1),
	}, nil
}

// Rung is signalled when somebody has rung, when the lock has been granted, and
// when the connection is back after a loss: reasons to make a full look.
func (b *Bell) Rung() <-chan struct{} { return b.rung }

// Live tells whether the bell can be heard: both sessions are up.
func (b *Bell) Live() bool { return b.sessions.Load() == 2 }

// Sleep makes every commit ring from about now on. The worker may sleep only
// until Rung has been signalled and a look after that found nothing.
func (b *Bell) Sleep() { b.turn(true) }

// Wake lets commits be silent again.
func (b *Bell) Wake() { b.turn(false) }

func (b *Bell) turn(asleep bool) {
	if b.asleep.Swap(asleep) != asleep {
		signal(b.change)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run listens, and holds the lock while the worker sleeps, until ctx ends; lost
// connections come back by themselves.
func (b *Bell) Run(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.keep(ctx, b.locking, b.holdLock)
	}()
	b.keep(ctx, b.listening, b.listen)
	<-done
}

// keep runs one of the two sessions again and again.
func (b *Bell) keep(ctx context.Context, config *pgx.ConnConfig, session func(context.Context, *pgx.Conn) error) {
	for ctx.Err() == nil {
		conn, err := pgx.ConnectConfig(ctx, config)
		if err == nil {
			_ = session(ctx, conn)
			signal(b.rung) // the worker learns that the bell is silent
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			_ = conn.Close(closing)
			cancel()
		}
		// Why it failed is said by the worker's other connections.
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (b *Bell) listen(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, "/* orderbell:listen */ listen orderbell"); err != nil {
		return err
	}
	b.sessions.Add(1)
	defer b.sessions.Add(-1)
	signal(b.rung)
	for {
		// A quiet minute ends with a heartbeat, which notices a connection that
		// is there no more.
		quiet, cancel := context.WithTimeout(ctx, time.Minute)
		_, err := conn.WaitForNotification(quiet)
		cancel()
		switch {
		case err == nil:
			signal(b.rung)
		case ctx.Err() != nil || !pgconn.Timeout(err):
			return err
		default:
			if err := conn.Ping(ctx); err != nil {
				return err
			}
		}
	}
}

// holdLock takes the lock when the worker falls asleep and lets go of it when it
// wakes. An error leaves the session, and with it the lock.
func (b *Bell) holdLock(ctx context.Context, conn *pgx.Conn) error {
	b.sessions.Add(1)
	defer b.sessions.Add(-1)
	for {
		if b.asleep.Load() {
			granted, err := b.takeLock(ctx, conn)
			if err != nil {
				return err
			}
			if granted {
				signal(b.rung)
				if err := b.waitAwake(ctx, conn); err != nil {
					return err
				}
				if _, err := conn.Exec(ctx, "/* orderbell:wake */ select pg_advisory_unlock("+bellLock+")"); err != nil {
					return err
				}
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-b.change:
		}
	}
}

// waitAwake returns when the worker is awake. It reads from the connection
// meanwhile: with a session that is lost the lock is lost too, and nobody rings.
func (b *Bell) waitAwake(ctx context.Context, conn *pgx.Conn) error {
	lost := make(chan error, 1)
	// No context: its cancellation would send a request that may meet the unlock.
	go func() { lost <- conn.PgConn().WaitForNotification(context.WithoutCancel(ctx)) }()
	for b.asleep.Load() && ctx.Err() == nil {
		select {
		case err := <-lost:
			return fmt.Errorf("lose the lock: %w", err)
		case <-ctx.Done():
		case <-b.change:
		}
	}
	socket := conn.PgConn().Conn()
	if err := socket.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return err
	}
	if err := <-lost; !pgconn.Timeout(err) {
		return fmt.Errorf("lose the lock: %w", err)
	}
	return errors.Join(ctx.Err(), socket.SetReadDeadline(time.Time{}))
}

// takeLock waits for the lock; it gives up, without an error, when the worker
// has been awake for a while.
func (b *Bell) takeLock(ctx context.Context, conn *pgx.Conn) (granted bool, err error) {
	waiting, withdraw := context.WithCancel(ctx)
	defer withdraw()
	watched := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(watched)
		b.withdrawWhenAwake(stop, withdraw)
	}()
	_, err = conn.Exec(waiting, "/* orderbell:sleep */ select pg_advisory_lock("+bellLock+")")
	close(stop)
	<-watched
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() == nil && waiting.Err() != nil && !conn.IsClosed():
		// It may have been granted at the last moment.
		_, err = conn.Exec(ctx, "/* orderbell:wake */ select pg_advisory_unlock_all()")
		return false, err
	}
	return false, err
}

func (b *Bell) withdrawWhenAwake(stop <-chan struct{}, withdraw func()) {
	tick := time.NewTicker(withdrawal)
	defer tick.Stop()
	awake := false
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			// Awake at two ticks in a row: busy, and not about to sleep again.
			now := !b.asleep.Load()
			if now && awake {
				withdraw()
				return
			}
			awake = now
		}
	}
}
