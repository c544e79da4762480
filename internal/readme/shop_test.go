package readme_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/config"
)

// orders is the table that the page makes in its first example.
const orders = "create table orders (order_no text primary key, status text not null, total_fee numeric not null)"

// connect makes a pool that is closed when the test ends.
func connect(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	db, err := pgxpool.New(context.WithoutCancel(t.Context()), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// run executes any number of statements, as psql would.
func run(t testing.TB, db *pgxpool.Pool, statements string) {
	t.Helper()
	if _, err := db.Exec(t.Context(), statements); err != nil {
		t.Fatalf("%s\n%v", statements, err)
	}
}

// get scans one row.
func get(t testing.TB, db *pgxpool.Pool, into []any, query string, args ...any) {
	t.Helper()
	if err := db.QueryRow(t.Context(), query, args...).Scan(into...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// seen is a request as the merchant got it.
type seen struct{ method, target, contentType, body, attempt string }

// merchant answers every request with the same text and keeps what it got.
type merchant struct {
	url    string
	answer string
	mu     sync.Mutex
	got    []seen
	last   http.Header // of the last request
}

func newMerchant(t testing.TB, answer string) *merchant {
	t.Helper()
	m := &merchant{answer: answer}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}

func (m *merchant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	m.mu.Lock()
	m.got = append(m.got, seen{
		method: r.Method, target: r.URL.RequestURI(), contentType: r.Header.Get("Content-Type"),
		body: string(body), attempt: r.Header.Get("Orderbell-Attempt"),
	})
	m.last = r.Header.Clone()
	m.mu.Unlock()
	_, _ = io.WriteString(w, m.answer)
}

// headers are those of the last request; nil before one came.
func (m *merchant) headers() http.Header {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

func (m *merchant) requests() []seen {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]seen(nil), m.got...)
}

// work runs a worker that may reach loopback, until the test ends.
func work(t testing.TB, url string) {
	t.Helper()
	c := config.Default()
	c.Database.URL, c.Database.ListenURL = url, url
	c.Network.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	c.Worker.ShutdownTimeout = 10 * time.Second
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- app.Work(ctx, nil, c, "test", slog.New(slog.NewTextHandler(t.Output(), nil))) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the worker ended with: %v", err)
		}
	})
}
