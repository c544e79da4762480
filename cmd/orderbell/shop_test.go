package main_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// shop is a database with Orderbell in it, and what an order service does there.
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
	db, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return &shop{t: t, url: url, db: db}
}

// env configures orderbell for this database, and for merchants on this machine.
func (s *shop) env(added ...string) []string {
	return append([]string{"ORDERBELL_DATABASE_URL=" + s.url, "ORDERBELL_NETWORK_ALLOW=127.0.0.0/8"}, added...)
}

func (s *shop) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.db.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// get reads one row as text.
func (s *shop) get(sql string) string {
	s.t.Helper()
	var text string
	if err := s.db.QueryRow(s.t.Context(), sql).Scan(&text); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return text
}

func (s *shop) endpoint(id, url string) {
	s.t.Helper()
	s.exec("insert into orderbell.endpoint (id, url) values ($1, $2)", id, url)
}

func (s *shop) enqueue(endpoint, orderNo string) {
	s.t.Helper()
	s.exec("select orderbell.enqueue($1, 'trade.success', $2, $3)", endpoint, orderNo, fmt.Sprintf(`{"order_no":%q}`, orderNo))
}

// becomes waits until a query's text is this.
func (s *shop) becomes(want, sql string) {
	s.t.Helper()
	pgtest.Eventually(s.t, patience, want, func() error {
		if got := s.get(sql); got != want {
			return fmt.Errorf("it is %s", got)
		}
		return nil
	})
}
