package chaos_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// stuckAfter is how long a scene waits for a program with a bug to come to rest: by
// then, what is stuck has been so for longer than the checker grants.
const stuckAfter = 7 * time.Second

// stage is a house in which all workers run one program.
type stage struct {
	*chaos.House
	t       *testing.T
	program string // empty: the shipped one
}

// newStage makes one without any endpoint: the scene opens its own.
func newStage(t *testing.T, program string) *stage {
	t.Helper()
	return &stage{chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{}}), t, program}
}

// Work starts a worker and waits until it works.
func (s *stage) Work(name string) *chaos.Worker {
	s.t.Helper()
	w := s.WorkWith(chaos.WorkerOptions{Name: name, Binary: s.program})
	w.Says("worker starts")
	return w
}

// AtRest waits until nothing is unfinished, which a bug may prevent for ever.
func (s *stage) AtRest() {
	s.t.Helper()
	if s.program == "" {
		s.House.AtRest()
		return
	}
	for deadline := time.Now().Add(stuckAfter); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if s.Text("select count(*) from orderbell.delivery") == "0" {
			return
		}
	}
}

// behindProxy has a proxy between the database and the workers that start from now on.
func (s *stage) behindProxy() *chaos.Proxy {
	s.t.Helper()
	at, err := url.Parse(s.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	proxy := chaos.NewProxy(s.t, at.Host)
	at.Host = proxy.Addr()
	s.WorkURL = at.String()
	return proxy
}

// firstRefused answers 500 to the first request of each notification when that is
// closed, if ever, and has another temper for the others.
func firstRefused(when <-chan struct{}, then chaos.Temper) chaos.Temper {
	if when == nil {
		when = make(chan struct{})
	}
	return func(r chaos.Request) chaos.Answer {
		if r.Nth > 1 {
			return then(r)
		}
		return chaos.Answer{Status: http.StatusInternalServerError, Body: "try again", Until: when}
	}
}

// arrived waits until n requests have been received.
func (s *stage) arrived(n int) {
	s.t.Helper()
	pgtest.Eventually(s.t, time.Minute, "requests to arrive", func() error {
		if got := len(s.Requests()); got < n {
			return fmt.Errorf("%d of %d have", got, n)
		}
		return nil
	})
}

// reaches waits until an attempt has been received.
func (s *stage) reaches(id string, attempt int) {
	s.t.Helper()
	s.received(id, attempt, func(chaos.Request) bool { return true })
}

// answers waits until an attempt has been answered.
func (s *stage) answers(id string, attempt int) {
	s.t.Helper()
	s.received(id, attempt, func(r chaos.Request) bool { return !r.Answered.IsZero() })
}

func (s *stage) received(id string, attempt int, so func(chaos.Request) bool) {
	s.t.Helper()
	pgtest.Eventually(s.t, time.Minute, fmt.Sprintf("attempt %d", attempt), func() error {
		for _, r := range s.Requests() {
			if r.ID == id && r.Attempt == attempt && so(r) {
				return nil
			}
		}
		return fmt.Errorf("%d requests, and not that", len(s.Requests()))
	})
}
