package chaos

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Request is one request that a merchant received, and what it did with it.
type Request struct {
	// ID and Attempt are what the request says of itself.
	ID       string
	Attempt  int
	Endpoint string
	Body     string
	// Nth is how often this merchant has received this id, from 1.
	Nth     int
	Arrived time.Time
	// Answered is when the answer began to be written; zero: not yet, or never.
	Answered time.Time
	Status   int
	Answer   string
	// Acknowledges tells that the answer is an acknowledgement.
	Acknowledges bool
	// Failure is why the answer could not be written; empty if it could, as far as
	// the merchant can tell. Gone is when that was noticed, before the answer was due.
	Failure string
	Gone    time.Time
}

// Merchants are HTTP servers on one port, a path for each endpoint, with a log of
// their own. An answer is in the log before it is on its way.
type Merchants struct {
	server  *httptest.Server
	closing chan struct{}

	mu       sync.Mutex
	tempers  map[string]Temper
	requests []Request
	times    map[string]int
	arrival  func(Request)
	answer   func(Request)
}

// NewMerchants starts merchants, which end with the test.
func NewMerchants(t testing.TB) *Merchants {
	t.Helper()
	m := &Merchants{closing: make(chan struct{}), tempers: map[string]Temper{}, times: map[string]int{}}
	m.server = httptest.NewServer(http.HandlerFunc(m.serve))
	t.Cleanup(func() {
		close(m.closing)
		m.server.CloseClientConnections()
		m.server.Close()
	})
	return m
}

// Open opens an endpoint, or changes its temper, and returns its URL.
func (m *Merchants) Open(endpoint string, temper Temper) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tempers[endpoint] = temper
	return m.server.URL + "/" + endpoint
}

// OnRequest has f called, by the request's own goroutine, when a request has
// arrived and before it is answered. nil: nobody is.
func (m *Merchants) OnRequest(f func(Request)) { m.mu.Lock(); defer m.mu.Unlock(); m.arrival = f }

// OnAnswer has f called, in the same way, when an answer has been written.
func (m *Merchants) OnAnswer(f func(Request)) { m.mu.Lock(); defer m.mu.Unlock(); m.answer = f }

// Requests is the log so far, in the order of arrival.
func (m *Merchants) Requests() []Request {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.requests)
}

// HangUp closes the connections that carry no request: the merchants have no keep-alive
// from here on.
func (m *Merchants) HangUp() { m.server.Config.SetKeepAlivesEnabled(false) }

func (m *Merchants) serve(w http.ResponseWriter, r *http.Request) {
	place, request, temper := m.receive(r)
	if hook := m.hook(&m.arrival); hook != nil {
		hook(request)
	}
	answer := temper(request)
	if failure := m.linger(r, answer); failure != "" {
		m.note(place, func(r *Request) { r.Failure, r.Gone = failure, time.Now() })
		panic(http.ErrAbortHandler)
	}
	m.note(place, func(r *Request) {
		r.Answered, r.Status, r.Answer = time.Now(), answer.Status, answer.Body
		r.Acknowledges = answer.acknowledges()
	})
	if err := answer.write(w); err != nil {
		m.note(place, func(r *Request) { r.Failure = err.Error() })
	}
	if hook := m.hook(&m.answer); hook != nil {
		hook(m.at(place))
	}
}

// receive logs the arrival. It returns the request's place in the log.
func (m *Merchants) receive(r *http.Request) (place int, request Request, temper Temper) {
	arrived := time.Now()
	body, err := io.ReadAll(r.Body)
	attempt, _ := strconv.Atoi(r.Header.Get("Orderbell-Attempt")) // 0 matches no attempt
	request = Request{
		ID: r.Header.Get("Orderbell-Notification-Id"), Attempt: attempt,
		Endpoint: strings.TrimPrefix(r.URL.Path, "/"), Body: string(body), Arrived: arrived,
	}
	if err != nil {
		request.Failure = fmt.Sprintf("read the request: %v", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.times[request.ID]++
	request.Nth = m.times[request.ID]
	m.requests = append(m.requests, request)
	temper, open := m.tempers[request.Endpoint]
	if !open {
		temper = func(Request) Answer { return Answer{Status: http.StatusNotFound} }
	}
	return len(m.requests) - 1, request, temper
}

// linger holds an answer back as the temper wants it. It returns why there can be
// none: the sender, or the test, has gone away.
func (m *Merchants) linger(r *http.Request, a Answer) (failure string) {
	if a.HangsUp {
		return "it hangs up"
	}
	if a.After == 0 && a.Until == nil {
		return ""
	}
	var after <-chan time.Time
	if a.After > 0 {
		after = time.After(a.After)
	}
	select {
	case <-after: // never, for a nil channel
		return ""
	case <-a.Until:
		return ""
	case <-r.Context().Done():
		return "the sender has gone away"
	case <-m.closing:
		return "the test is over"
	}
}

func (m *Merchants) hook(which *func(Request)) func(Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return *which
}

func (m *Merchants) note(place int, change func(*Request)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.requests[place])
}

func (m *Merchants) at(place int) Request {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.requests[place]
}
