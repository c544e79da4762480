package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

// listening hands over where the API listens, as the log tells it.
type listening struct {
	slog.Handler

	at chan string
}

func (l listening) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "merchants can ask" {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "listen" {
				l.at <- a.Value.String()
			}
			return true
		})
	}
	return l.Handler.Handle(ctx, r)
}

// counter is where merchants ask.
type counter struct {
	t    testing.TB
	shop *shop
	url  string
}

// opens starts a worker with the API, and returns where it is. It sends nothing, unless the
// configuration is changed to do so.
func (s *shop) opens(change func(*config.Config)) counter {
	s.t.Helper()
	c := s.config("worker-canary")
	c.API.Listen, c.Worker.Paused = "127.0.0.1:0", true
	if change != nil {
		change(c)
	}
	at := make(chan string, 1)
	log := slog.New(listening{slog.NewTextHandler(s.t.Output(), nil), at})
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	done := make(chan error, 1)
	go func() { done <- app.Work(ctx, nil, c, "test", log) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("the worker ended with: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	select {
	case address := <-at:
		return counter{s.t, s, "http://" + address}
	case err := <-done:
		done <- nil
		s.t.Fatalf("the worker ended with: %v", err)
	case <-time.After(20 * time.Second):
		s.t.Fatal("nobody listens")
	}
	return counter{}
}

// token makes a token of an endpoint.
func (s *shop) token(endpoint string) string {
	s.t.Helper()
	db, err := postgres.Open(s.t.Context(), s.url, "cli")
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	token, err := app.AddToken(s.t.Context(), db, endpoint, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return token.Token
}

// get asks, and asks again where it was too often.
func (c counter) get(token, path string) (status int, body string, header http.Header) {
	c.t.Helper()
	pgtest.Eventually(c.t, 20*time.Second, "an answer", func() error {
		if status, body, header = c.ask(token, path); status == http.StatusTooManyRequests {
			return errors.New(body)
		}
		return nil
	})
	return status, body, header
}

func (c counter) ask(token, path string) (int, string, http.Header) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.url+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return response.StatusCode, string(text), response.Header
}

// page is what a puller reads.
type page struct {
	Notifications []map[string]any
	NextCursor    string    `json:"next_cursor"`
	More          bool      `json:"more"`
	CompleteUntil time.Time `json:"complete_until"`
}

// pull reads the page after a cursor; empty: the first one.
func (c counter) pull(token, after string, limit int) page {
	c.t.Helper()
	path := fmt.Sprintf("/v1/notifications?limit=%d", limit)
	if after != "" {
		path += "&after=" + after
	}
	status, body, _ := c.get(token, path)
	var p page
	if err := json.Unmarshal([]byte(body), &p); err != nil || status != http.StatusOK {
		c.t.Fatalf("%s: %d %s", path, status, body)
	}
	return p
}

// puller reads on and on.
type puller struct {
	counter

	token, cursor string
	seen          map[string]int // order numbers, and how often each came
	last          string         // the last id
}

func (c counter) puller(token string) *puller {
	return &puller{counter: c, token: token, seen: map[string]int{}}
}

// next pulls once, and returns how many came.
func (p *puller) next(limit int) int {
	p.t.Helper()
	got := p.pull(p.token, p.cursor, limit)
	for _, n := range got.Notifications {
		id := n["id"].(string)
		if id <= p.last {
			p.t.Errorf("%s comes after %s", id, p.last)
		}
		p.last = id
		p.seen[n["order_no"].(string)]++
	}
	p.cursor = got.NextCursor
	return len(got.Notifications)
}
