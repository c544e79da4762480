package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Database is what the database says, all of one moment.
type Database struct {
	Now           time.Time
	Notifications []Notification
	Deliveries    []Delivery
	History
}

// History is what is only ever inserted.
type History struct {
	Attempts []Attempt
	Finished []Finished
}

// Notification is a row of orderbell.notification, and how it is to be delivered.
type Notification struct {
	ID, Endpoint string
	Ladder       []time.Duration
	// Halted tells that its endpoint is paused or behind a breaker, or its policy's rows are
	// parked.
	Halted bool
}

// Delivery is a row of orderbell.delivery.
type Delivery struct {
	ID, State   string
	Due         time.Time // of a held one: the end of the year 9999
	LeasedUntil time.Time // zero if not claimed
	ClaimedBy   string
	Attempts    int // begun
	Round, Rung int
}

// Attempt is a row of orderbell.attempt.
type Attempt struct {
	ID             string
	Attempt, Round int
	Began          time.Time
	Took           time.Duration
	Outcome        string
	Status         int // 0: none
	Worker         string
}

// Finished is a row of orderbell.finished.
type Finished struct {
	ID       string
	Round    int
	State    string
	Reason   string
	Attempts int
	Rung     int
	At       time.Time
}

const (
	readNotifications = `
		select n.id::text, n.endpoint, p.ladder, e.paused_at is not null or p.fault is not null
		         or exists (select from orderbell.breaker b where b.endpoint = n.endpoint)
		from orderbell.notification n
		join orderbell.endpoint e on e.id = n.endpoint
		join orderbell.policy p on p.name = coalesce(n.policy, e.policy)
		order by n.id`
	readDeliveries = `
		select notification_id::text, state::text, least(next_attempt_at, '9999-12-31 00:00Z'),
		       coalesce(leased_until, '0001-01-01 00:00Z'), coalesce(claimed_by, ''), attempt_count, round, rung
		from orderbell.delivery
		order by notification_id`
	readAttempts = `
		select notification_id::text, attempt, round, started_at, duration_us * interval '1 microsecond', outcome::text,
		       coalesce(http_status, 0), worker
		from orderbell.attempt
		order by notification_id, attempt`
	readFinished = `
		select notification_id::text, round, state::text, coalesce(reason, ''), attempt_count, rung, finished_at
		from orderbell.finished
		order by notification_id, round`
)

// ReadDatabase reads it all, in one snapshot.
func ReadDatabase(ctx context.Context, url string) (read Database, err error) {
	err = inSnapshot(ctx, url, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "select clock_timestamp()").Scan(&read.Now); err != nil {
			return fmt.Errorf("ask for the time: %w", err)
		}
		if read.Notifications, err = rows[Notification](ctx, tx, readNotifications); err != nil {
			return fmt.Errorf("read the notifications: %w", err)
		}
		if read.Deliveries, err = rows[Delivery](ctx, tx, readDeliveries); err != nil {
			return fmt.Errorf("read the deliveries: %w", err)
		}
		read.History, err = history(ctx, tx)
		return err
	})
	return read, err
}

// ReadHistory reads what is only ever inserted.
func ReadHistory(ctx context.Context, url string) (read History, err error) {
	err = inSnapshot(ctx, url, func(tx pgx.Tx) (err error) {
		read, err = history(ctx, tx)
		return err
	})
	return read, err
}

func history(ctx context.Context, tx pgx.Tx) (read History, err error) {
	if read.Attempts, err = rows[Attempt](ctx, tx, readAttempts); err != nil {
		return History{}, fmt.Errorf("read the attempts: %w", err)
	}
	if read.Finished, err = rows[Finished](ctx, tx, readFinished); err != nil {
		return History{}, fmt.Errorf("read the endings: %w", err)
	}
	return read, nil
}

func rows[T any](ctx context.Context, tx pgx.Tx, statement string) ([]T, error) {
	found, err := tx.Query(ctx, statement)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, pgx.RowToStructByPos[T])
}

// inSnapshot connects anew each time: the database may have been restarted.
func inSnapshot(ctx context.Context, url string, read func(pgx.Tx) error) error {
	return connected(ctx, url, func(conn *pgx.Conn) error {
		tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		return errors.Join(read(tx), tx.Rollback(ctx))
	})
}

func connected(ctx context.Context, url string, use func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return errors.Join(use(conn), conn.Close(context.WithoutCancel(ctx)))
}
