package app_test

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

// shop is a database with Orderbell in it, and what a test does there.
type shop struct {
	t   testing.TB
	url string
	db  *pgxpool.Pool
}

func newShop(t testing.TB) *shop {
	t.Helper()
	url := pgtest.Database(t)
	db, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return &shop{t: t, url: url, db: db}
}

func (s *shop) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.db.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// get scans one row.
func (s *shop) get(sql string, args []any, into ...any) {
	s.t.Helper()
	if err := s.db.QueryRow(s.t.Context(), sql, args...).Scan(into...); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

func (s *shop) count(sql string, args ...any) int {
	s.t.Helper()
	var n int
	s.get(sql, args, &n)
	return n
}

func (s *shop) endpoint(id, url, policy string) {
	s.t.Helper()
	s.exec("insert into orderbell.endpoint (id, url, policy) values ($1, $2, $3)", id, url, policy)
}

func (s *shop) enqueue(endpoint, orderNo, body string) string {
	s.t.Helper()
	var id string
	s.get("select orderbell.enqueue($1, 'trade.success', $2, $3)", []any{endpoint, orderNo, body}, &id)
	return id
}

func (s *shop) config(name string) *config.Config {
	c := config.Default()
	c.Database.URL, c.Database.ListenURL = s.url, s.url
	c.Worker.Name = name
	c.Worker.ShutdownTimeout = 10 * time.Second
	c.Network.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	return c
}

// work runs a worker until the returned function is called, or the test ends.
func (s *shop) work(c *config.Config) (stop func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	done := make(chan error, 1)
	go func() { done <- app.Work(ctx, nil, c, "test", slog.New(slog.NewTextHandler(s.output(), nil))) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("the worker ended with: %v", err)
		}
	}
	s.t.Cleanup(stop)
	return stop
}

func (s *shop) output() io.Writer { return s.t.Output() }

var _ = postgres.Lease
