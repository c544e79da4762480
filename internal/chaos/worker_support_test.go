package chaos_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// atFirst has one temper for the first request of each notification, and another for
// those that come after it.
func atFirst(first, then chaos.Temper) chaos.Temper {
	return func(r chaos.Request) chaos.Answer {
		if r.Nth == 1 {
			return first(r)
		}
		return then(r)
	}
}

// refusing answers 500 when that is closed.
func refusing(until <-chan struct{}) chaos.Temper {
	return func(chaos.Request) chaos.Answer { return chaos.Answer{Status: 500, Body: "try again", Until: until} }
}

// arrived waits until n requests have arrived.
func arrived(t *testing.T, h *chaos.House, n int) {
	t.Helper()
	pgtest.Eventually(t, time.Minute, "requests to arrive", func() error {
		if got := len(h.Requests()); got < n {
			return fmt.Errorf("%d of %d have", got, n)
		}
		return nil
	})
}

// gone waits until the sender of all that was in flight has hung up: no answer to it can
// be heard by anybody any more.
func gone(t *testing.T, h *chaos.House) {
	t.Helper()
	pgtest.Eventually(t, time.Minute, "senders to hang up", func() error {
		if got := failures(h); got < inFlight {
			return fmt.Errorf("%d of %d have", got, inFlight)
		}
		return nil
	})
}

// failures is how many requests could not be answered.
func failures(h *chaos.House) (n int) {
	for _, r := range h.Requests() {
		if r.Failure != "" {
			n++
		}
	}
	return n
}

// outcomes checks how many attempts of each outcome there are.
func outcomes(t *testing.T, h *chaos.House, want string) {
	t.Helper()
	if got := h.Outcomes(); got != want {
		t.Errorf("the attempts are %s; want %s", got, want)
	}
}

// outcomesBecome waits until there are so many attempts of each outcome.
func outcomesBecome(t *testing.T, h *chaos.House, want string) {
	t.Helper()
	pgtest.Eventually(t, time.Minute, "the attempts to be "+want, func() error {
		if got := h.Outcomes(); got != want {
			return fmt.Errorf("they are %s", got)
		}
		return nil
	})
}

// proxied puts a proxy between the house's database and who is given its URL.
func proxied(t *testing.T, h *chaos.House) (*chaos.Proxy, string) {
	t.Helper()
	at, err := url.Parse(h.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := chaos.NewProxy(t, at.Host)
	at.Host = p.Addr()
	return p, at.String()
}
