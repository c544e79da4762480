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

// connect opens the shop's own connections.
func connect(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("read the database URL: it is malformed") // pgx's error quotes it
	}
	config.MaxConns = 20 // of which one holds the lock
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

// furnish writes what the scenes need, in one transaction; a second time it changes
// addresses and nothing else.
func (s *stage) furnish(ctx context.Context) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := makeBusiness(ctx, tx); err != nil {
			return err
		}
		if err := writePolicy(ctx, tx); err != nil {
			return err
		}
		for _, scene := range s.scenes {
			if err := scene.furnish(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("furnish the shop: %w", err)
	}
	return nil
}

func writeEndpoint(ctx context.Context, tx pgx.Tx, id, url, policy string) error {
	_, err := tx.Exec(ctx, `
		insert into orderbell.endpoint (id, url, policy) values ($1, $2, $3)
		on conflict (id) do update set url = excluded.url, policy = excluded.policy`, id, url, policy)
	if err != nil {
		return fmt.Errorf("write endpoint %s: %w", id, err)
	}
	return nil
}

func writeHook(ctx context.Context, tx pgx.Tx, name, function string) error {
	_, err := tx.Exec(ctx, `
		insert into orderbell.hook (name, function) values ($1, $2::text::regprocedure)
		on conflict (name) do update set function = excluded.function`, name, function)
	if err != nil {
		return fmt.Errorf("write hook %s: %w", name, err)
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
