package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// database is one with Orderbell's schema, and beside it the schema bench: the
// shop's table, and the one of the per-second poll.
type database struct {
	name string
	url  string
	pool *pgxpool.Pool
}

// mostConns is enough for whoever measures; 16 of them are the shop's clients.
const mostConns = 32

const (
	schemaBench = `create schema bench`
	tableOrders = `create table bench.orders (
		order_no   text primary key,
		merchant   text not null,
		fee        bigint not null,
		created_at timestamptz not null default clock_timestamp()
	)`
	// One wide row for each message, as most who begin have it.
	tableForum = `create table bench.forum_notification (
		id        bigint generated always as identity primary key,
		order_no  text not null,
		url       text not null,
		body      text not null,
		next_time timestamptz not null default clock_timestamp(),
		times     integer not null default 0,
		state     text not null default 'waiting'
	)`
	indexForum = `create index on bench.forum_notification (state, next_time)`
)

// openBenchDatabase connects to a database that has the schema, and adds the
// bench's own.
func openBenchDatabase(ctx context.Context, name, url string) (*database, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, withoutURL("open the bench's database", err)
	}
	config.MaxConns = mostConns
	config.ConnConfig.RuntimeParams["application_name"] = "orderbell bench"
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the bench's database: %w", err)
	}
	d := &database{name: name, url: url, pool: pool}
	for _, statement := range []string{schemaBench, tableOrders, tableForum, indexForum} {
		if err := d.run(ctx, "make the bench's tables", statement); err != nil {
			pool.Close()
			return nil, err
		}
	}
	return d, nil
}

func (d *database) run(ctx context.Context, doing, statement string, args ...any) error {
	if _, err := d.pool.Exec(ctx, statement, args...); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// ask returns the one value of a statement.
func ask[T any](ctx context.Context, d *database, doing, statement string, args ...any) (T, error) {
	var value T
	if err := d.pool.QueryRow(ctx, statement, args...).Scan(&value); err != nil {
		return value, fmt.Errorf("%s: %w", doing, err)
	}
	return value, nil
}

// clear empties what rounds fill, so that each begins alike.
func (d *database) clear(ctx context.Context) error {
	return d.run(ctx, "clear the tables", `truncate orderbell.notification, orderbell.delivery, orderbell.attempt,
		orderbell.finished, orderbell.dedupe, bench.orders, bench.forum_notification`)
}

// settleDown writes what is dirty to the disk, so that one round doesn't pay for
// what another has left. A user that may not do that on a given server measures
// without it.
func (d *database) settleDown(ctx context.Context) error {
	err := d.run(ctx, "write a checkpoint", "checkpoint")
	if refused(err, cannotCreate) {
		return nil
	}
	return err
}

// refused tells whether the server has refused a statement for this reason, a code of
// PostgreSQL's.
func refused(err error, code string) bool {
	var refusal *pgconn.PgError
	return errors.As(err, &refusal) && refusal.Code == code
}

// wal is how much write-ahead log there is, in bytes from the beginning.
func (d *database) wal(ctx context.Context) (float64, error) {
	return ask[float64](ctx, d, "read the position of the write-ahead log", `select pg_current_wal_insert_lsn() - '0/0'`)
}
