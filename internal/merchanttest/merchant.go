package merchanttest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Merchant is a scripted HTTP server. It may be used by many goroutines.
type Merchant struct {
	// URL is where it listens: http://127.0.0.1:PORT, without a path.
	URL string

	t       testing.TB
	closing chan struct{}

	mu       sync.Mutex
	scripts  map[string][]Answer
	requests []Request
	changed  chan struct{}  // closed and replaced at each request
	open     map[string]int // requests not yet answered, by notification id
	overlaps []string
}

// New starts a merchant, which ends with the test.
func New(t testing.TB) *Merchant {
	t.Helper()
	m := &Merchant{
		t:       t,
		closing: make(chan struct{}),
		scripts: map[string][]Answer{},
		changed: make(chan struct{}),
		open:    map[string]int{},
	}
	server := httptest.NewServer(http.HandlerFunc(m.serve))
	m.URL = server.URL
	t.Cleanup(func() {
		close(m.closing)
		server.CloseClientConnections()
		server.Close()
	})
	return m
}

// Script sets the answers to a path ("/notify/42"), to an order ("42": order_no or
// out_trade_no in the body or the query, else the last segment of the path), or to
// every other request (""). It replaces what was scripted for it before.
func (m *Merchant) Script(key string, answers ...Answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.scripts[key] = slices.Clone(answers)
}

// Requests returns what was received so far, in the order of arrival.
func (m *Merchant) Requests() []Request {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.requests)
}

// Wait waits until at least n requests were received in all, answered or not, and
// returns them. It ends the test where ctx ends before; call it from the test's
// own goroutine.
func (m *Merchant) Wait(ctx context.Context, n int) []Request {
	m.t.Helper()
	for {
		m.mu.Lock()
		got, changed := slices.Clone(m.requests), m.changed
		m.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-changed:
		case <-ctx.Done():
			m.t.Fatalf("the merchant received %d requests, waited for %d", len(got), n)
		}
	}
}

// Overlaps returns the ids of notifications that were received while an earlier
// request with the same id had no answer yet, once for each such request.
func (m *Merchant) Overlaps() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.overlaps)
}

func (m *Merchant) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // never arrived as a whole: the sender went away
	}
	request := record(r, string(body))
	answer := m.receive(request)
	gone := m.linger(r.Context(), answer)
	m.answered(request)
	switch {
	case gone || answer.Fault == Hang:
		panic(http.ErrAbortHandler)
	case answer.Fault != NoFault:
		answer.breakOff(w)
	default:
		answer.write(w)
	}
}

// receive records a request and chooses its answer.
func (m *Merchant) receive(r Request) Answer {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, r)
	if r.NotificationID != "" {
		if m.open[r.NotificationID] > 0 {
			m.overlaps = append(m.overlaps, r.NotificationID)
		}
		m.open[r.NotificationID]++
	}
	close(m.changed)
	m.changed = make(chan struct{})
	for _, key := range []string{r.Path, r.OrderNo, ""} {
		if script := m.scripts[key]; len(script) > 0 {
			if len(script) > 1 {
				m.scripts[key] = script[1:]
			}
			return script[0]
		}
	}
	return Success()
}

// linger holds an answer back as long as its script says; true if the sender or
// the test went away meanwhile.
func (m *Merchant) linger(ctx context.Context, a Answer) bool {
	until := a.Until
	if until == nil && a.Fault != Hang {
		return false
	}
	select {
	case <-until: // never, for a nil channel
		return false
	case <-ctx.Done():
	case <-m.closing:
	}
	return true
}

func (m *Merchant) answered(r Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open[r.NotificationID]--; m.open[r.NotificationID] <= 0 {
		delete(m.open, r.NotificationID)
	}
}
