package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// The bell's advisory lock, in the two-integer form that never meets anybody's
// bigint key. The trigger takes it shared: migrations/00003_enqueue.sql.
const (
	lockClass = "1330791493"
	bellLock  = lockClass + ", 1"
)

// withdrawal is how long a request for the lock waits behind an open order while
// its worker is busy again. Until then every commit rings.
const withdrawal = 3 * time.Second

// forLocking makes giving up the wait for the lock cost no connection.
func forLocking(config *pgx.ConnConfig) *pgx.ConnConfig {
	config = config.Copy()
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: time.Second}
	}
	return config
}

// holdLock takes the lock when the worker falls asleep, and lets go of it when it
// is awake for longer. An error leaves the session, and with it the lock.
func (b *Bell) holdLock(ctx context.Context, conn *pgx.Conn) error {
	for {
		if err := b.slumber.settled(ctx, func() { signal(b.rung) }); err != nil {
			return err
		}
		granted, err := b.takeLock(ctx, conn)
		if err != nil {
			return err
		}
		if !granted {
			continue
		}
		signal(b.rung)
		if err := b.watch(ctx, conn); err != nil {
			return err
		}
		if err := unlock(ctx, conn, bellLock); err != nil {
			return err
		}
	}
}

// unlock lets go of a lock, which is an error where the session does not have it.
func unlock(ctx context.Context, conn *pgx.Conn, key string) error {
	var ours bool
	err := conn.QueryRow(ctx, "/* orderbell:wake */ select pg_advisory_unlock("+key+")").Scan(&ours)
	if err == nil && !ours {
		err = &unheardError{why: "the sleeper's lock was lost by its session"}
	}
	return err
}

// watch returns when the worker is awake for good. It reads from the connection
// meanwhile: with a session that is lost the lock is lost too, and nobody rings.
func (b *Bell) watch(ctx context.Context, conn *pgx.Conn) error {
	lost := make(chan error, 1)
	// No context: its cancellation would send a request that may meet the unlock.
	go func() { lost <- conn.PgConn().WaitForNotification(context.WithoutCancel(ctx)) }()
	if err := b.slumber.over(ctx, lost); err != nil {
		return &failure{"keep the sleeper's lock", err}
	}
	return errors.Join(ctx.Err(), stopReading(conn, lost))
}

// stopReading ends the reading of a connection, which stays good.
func stopReading(conn *pgx.Conn, lost <-chan error) error {
	socket := conn.PgConn().Conn()
	if err := socket.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return err
	}
	if err := <-lost; !pgconn.Timeout(err) {
		return &failure{"keep the sleeper's lock", err}
	}
	return socket.SetReadDeadline(time.Time{})
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
			now := !b.slumber.asleep()
			if now && awake {
				withdraw()
				return
			}
			awake = now
		}
	}
}
