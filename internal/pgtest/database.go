package pgtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Database makes a migrated database for this test alone and returns its URL.
// It is dropped when the test ends, together with the connections to it.
func Database(t testing.TB) string {
	t.Helper()
	Server(t)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := shared.prepare(ctx); err != nil {
		t.Fatalf("prepare a database for tests: %v", err)
	}
	return create(ctx, t, " template "+template)
}

// Empty is like [Database], without the migrations.
func Empty(t testing.TB) string {
	t.Helper()
	Server(t)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return create(ctx, t, "")
}

func create(ctx context.Context, t testing.TB, from string) string {
	t.Helper()
	server := Server(t)
	name := databaseName(t.Name(), shared.databases.Add(1))
	if err := execute(ctx, server, "create database "+name+from); err != nil {
		t.Fatalf("make a database for tests: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := execute(ctx, server, "drop database "+name+" with (force)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return server.URL(name)
}

// databaseName says in pg_stat_activity which test it is. PostgreSQL's names
// have 63 bytes at most.
func databaseName(test string, number int64) string {
	plain := func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '_'
	}
	name := strings.Map(plain, test)
	return fmt.Sprintf("t%d_%s", number, name[:min(len(name), 40)])
}

// Pool connects to a database of its own, as [Database] makes it. It is closed
// when the test ends; a connection that was not given back by then fails it.
func Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), Database(t))
	if err != nil {
		t.Fatalf("connect to the test's database: %v", err)
	}
	t.Cleanup(func() {
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			pool.Close()
		}()
		select {
		case <-closed:
		case <-time.After(10 * time.Second):
			t.Errorf("close the pool: %d of its connections were not given back", pool.Stat().AcquiredConns())
		}
	})
	return pool
}
