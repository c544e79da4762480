package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbell/orderbell/internal/outbox"
)

// The policy of every merchant here: as standard, with a ladder that can be watched.
const (
	policyName    = "demo-ladder"
	policyRule    = `status == 200 && lower(trim(body)) == "success"`
	policyTimeout = 2 * time.Second
)

func policyLadder() outbox.Ladder {
	return outbox.Ladder{time.Second, 2 * time.Second, 3 * time.Second, 5 * time.Second, 8 * time.Second}
}

// ours is the comment by which the demo knows its own schema again.
const ours = "Orders of orderbell demo; may be dropped."

// connect opens the shop's own connections.
func connect(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("read the database URL: it is malformed") // pgx's error quotes it
	}
	config.MaxConns = clerks + 2 // the lock's, and the view's
	config.ConnConfig.RuntimeParams["application_name"] = "orderbell demo"
	db, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return db, nil
}

// lockOut takes the lock of the only shop, on a connection that must be kept.
func lockOut(ctx context.Context, db *pgxpool.Pool) (*pgxpool.Conn, error) {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("reach the database: %w", err)
	}
	var locked bool
	err = conn.QueryRow(ctx, "select pg_try_advisory_lock(hashtextextended('orderbell demo', 0))").Scan(&locked)
	if err == nil && !locked {
		err = errors.New("another demo plays on this database; wait for its end")
	}
	if err != nil {
		giveUp(conn)
		return nil, fmt.Errorf("open the shop: %w", err)
	}
	return conn, nil
}

// giveUp closes the connection, and with it the lock.
func giveUp(conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = conn.Hijack().Close(ctx) // closed in any case
}

// furnish writes what the scene needs, in one transaction; a second time it
// changes the merchants' addresses and nothing else.
func furnish(ctx context.Context, db *pgxpool.Pool, url string, of []temper) error {
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if err := makeOrders(ctx, tx); err != nil {
			return err
		}
		if err := writePolicy(ctx, tx); err != nil {
			return err
		}
		for _, t := range of {
			if _, err := tx.Exec(ctx, `
				insert into orderbell.endpoint (id, url, policy) values ($1, $2, $3)
				on conflict (id) do update set url = excluded.url, policy = excluded.policy`,
				t.endpoint, url+"/"+t.endpoint, policyName); err != nil {
				return fmt.Errorf("write endpoint %s: %w", t.endpoint, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("furnish the shop: %w", err)
	}
	return nil
}

func writePolicy(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		insert into orderbell.policy (name, ladder, acknowledge, timeout) values ($1, $2::interval[], $3, $4)
		on conflict (name) do update
		set ladder = excluded.ladder, acknowledge = excluded.acknowledge, timeout = excluded.timeout`,
		policyName, []time.Duration(policyLadder()), policyRule, policyTimeout)
	if err != nil {
		return fmt.Errorf("write policy %s: %w", policyName, err)
	}
	return nil
}

// makeOrders makes the shop's own table, unless a demo has made it before. A
// schema of that name that is somebody's own is left alone.
func makeOrders(ctx context.Context, tx pgx.Tx) error {
	var exists, isOurs bool
	err := tx.QueryRow(ctx, `
		select to_regnamespace('shop') is not null,
		       coalesce(obj_description(to_regnamespace('shop'), 'pg_namespace') = $1, false)`, ours).Scan(&exists, &isOurs)
	switch {
	case err != nil:
		return fmt.Errorf("look for the schema shop: %w", err)
	case isOurs:
		return nil
	case exists:
		return errors.New("this database has a schema shop that no demo has made; it is left alone")
	}
	for _, step := range []string{
		"create schema shop",
		"comment on schema shop is '" + ours + "'",
		`create table shop.orders (
			order_no   text primary key,
			merchant   text not null,
			cents      bigint not null,
			created_at timestamptz not null default clock_timestamp()
		)`,
	} {
		if _, err := tx.Exec(ctx, step); err != nil {
			return fmt.Errorf("make the table shop.orders: %w", err)
		}
	}
	return nil
}
