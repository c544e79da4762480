package pgtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/devpg"
)

const (
	template = "migrated"
	limit    = time.Minute // of each step; fetching PostgreSQL may take its time
)

var shared cluster

// cluster is the server of this test run, started when first needed.
type cluster struct {
	migrate   Migrate
	databases atomic.Int64 // made so far, for their names

	mu       sync.Mutex // guards what follows
	server   *devpg.Server
	failed   error // why the start failed: every test says so at once
	migrated bool
	broken   error // why the migration failed
}

// start is idempotent.
func (c *cluster) start(ctx context.Context) (*devpg.Server, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil && c.failed == nil {
		c.server, c.failed = devpg.Start(ctx, devpg.Options{Settings: small()})
	}
	return c.server, c.failed
}

// small is for many clusters on one machine.
func small() map[string]string {
	return map[string]string{"shared_buffers": "32MB", "max_wal_size": "256MB", "min_wal_size": "32MB"}
}

func (c *cluster) stop(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		return nil
	}
	return c.server.Stop(ctx)
}

// prepare makes the template, once.
func (c *cluster) prepare(ctx context.Context) error {
	server, err := c.start(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.migrated || c.broken != nil {
		return c.broken
	}
	if c.broken = c.makeTemplate(ctx, server); c.broken != nil {
		return c.broken
	}
	c.migrated = true
	return nil
}

func (c *cluster) makeTemplate(ctx context.Context, server *devpg.Server) error {
	if c.migrate == nil {
		return errors.New("migrate the template: pgtest.Main was given no migration")
	}
	if err := execute(ctx, server, "create database "+template); err != nil {
		return err
	}
	if err := c.migrate(ctx, server.URL(template)); err != nil {
		return fmt.Errorf("migrate the template: %w", err)
	}
	// Its copies are databases of their own, and not copies of somebody's.
	return executeAt(ctx, server.URL(template), `do $$ begin
		if to_regclass('orderbell.setting') is not null then
			update orderbell.setting set cluster = null;
		end if;
	end $$`)
}

// execute runs one statement as superuser, outside the tests' databases.
func execute(ctx context.Context, server *devpg.Server, statement string) error {
	return executeAt(ctx, server.URL("postgres"), statement)
}

func executeAt(ctx context.Context, url, statement string) (err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("run %q: %w", statement, err)
	}
	return nil
}

// Server is the cluster that the package's tests share. A test that kills or
// restarts it disturbs the others: such a test starts its own with [devpg.Start].
func Server(t testing.TB) *devpg.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*limit)
	defer cancel()
	server, err := shared.start(ctx)
	if err != nil {
		t.Fatalf("start PostgreSQL for tests: %v", err)
	}
	return server
}
