package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// shop is a database with Orderbell in it, and what a test does there.
type shop struct {
	t   testing.TB
	url string
	db  *pgxpool.Pool
}

func newShop(t testing.TB) *shop {
	t.Helper()
	return shopAt(t, pgtest.Database(t))
}

func shopAt(t testing.TB, url string) *shop {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 100
	db, err := pgxpool.NewWithConfig(t.Context(), config)
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

// work runs a worker until the test ends.
func (s *shop) work(c *config.Config) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	done := make(chan error, 1)
	go func() { done <- app.Work(ctx, nil, c, "test", slog.New(slog.NewTextHandler(s.t.Output(), nil))) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("the worker ended with: %v", err)
		}
	})
}

// bring makes the waiting delivery due now, and rings as whatever makes a row due does.
func (s *shop) bring(id string) {
	s.t.Helper()
	s.exec("update orderbell.delivery set next_attempt_at = clock_timestamp() where notification_id = $1", id)
	s.exec("select orderbell.ring()")
}

// settled waits until an attempt is recorded and its row has moved on.
func (s *shop) settled(id string, attempt int) {
	s.t.Helper()
	pgtest.Eventually(s.t, 20*time.Second, fmt.Sprintf("attempt %d is settled", attempt), func() error {
		var n int
		var state *string
		s.get("select attempt_count, state from orderbell.notification_status where id = $1", []any{id}, &n, &state)
		if n < attempt || state == nil || *state == "in_flight" || s.count("select count(*) from orderbell.attempt where notification_id = $1 and attempt = $2", id, attempt) == 0 {
			return fmt.Errorf("it is %v after %d", *state, n)
		}
		return nil
	})
}

// ended waits until a notification is finished and returns its state and explanation.
func (s *shop) ended(id string) (state, explanation string) {
	s.t.Helper()
	pgtest.Eventually(s.t, 20*time.Second, "the notification is finished", func() error {
		var finished *time.Time
		s.get("select state, explanation, finished_at from orderbell.notification_status where id = $1", []any{id}, &state, &explanation, &finished)
		if finished == nil {
			return fmt.Errorf("it is %s: %s", state, explanation)
		}
		return nil
	})
	return state, explanation
}
