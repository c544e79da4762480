package delivery_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/outbox"
)

// counted is a merchant that counts its connections.
type counted struct {
	*httptest.Server
	opened, open, most atomic.Int64
}

func listenCounted(t *testing.T, handle http.HandlerFunc) *counted {
	t.Helper()
	s := &counted{Server: httptest.NewUnstartedServer(handle)}
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.opened.Add(1)
			now := s.open.Add(1)
			for was := s.most.Load(); was < now && !s.most.CompareAndSwap(was, now); {
				was = s.most.Load()
			}
		case http.StateClosed:
			s.open.Add(-1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// TestAllAtOneHost sends as many at once as a worker may, again and again, to one
// merchant that answers none of a round before it has all. No round after the
// first one opens a connection.
func TestAllAtOneHost(t *testing.T) {
	t.Parallel()
	const atOnce, rounds = 256, 4
	arrived := make(chan struct{}, atOnce)
	goOn := make(chan struct{}, atOnce)
	server := listenCounted(t, func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-goOn
		_, _ = io.WriteString(w, "success")
	})
	courier := newCourier(t, func(o *delivery.Options) { o.Concurrency = atOnce })
	for range rounds {
		var all sync.WaitGroup
		for range atOnce {
			all.Go(func() {
				if r := courier.Deliver(t.Context(), claimFor(server.URL)); r.Outcome != outbox.OutcomeAcknowledged {
					t.Errorf("got %+v", r)
				}
			})
		}
		for range atOnce {
			<-arrived
		}
		for range atOnce {
			goOn <- struct{}{}
		}
		all.Wait()
	}
	if n := server.opened.Load(); n != atOnce {
		t.Errorf("%d rounds of %d opened %d connections", rounds, atOnce, n)
	}
}

// TestTenThousandEndpoints delivers once to each of 10,000 hosts: idle connections
// stay bounded, and nothing is left when the courier closes. It is not parallel,
// so that all goroutines that are new are its own.
func TestTenThousandEndpoints(t *testing.T) {
	const endpoints, atOnce, bound = 10_000, 64, 512
	server := listenCounted(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "success") })
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	resolver := resolverAt(t, nameServer(t, func(string) []string { return []string{"127.0.0.1"} }))
	before := goleak.IgnoreCurrent()
	courier := newCourier(t, func(o *delivery.Options) { o.Resolver, o.Concurrency = resolver, atOnce })
	var next atomic.Int64
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for i := next.Add(1); i <= endpoints; i = next.Add(1) {
				claim := claimFor(fmt.Sprintf("http://shop-%d.example:%s/n", i, port))
				claim.EndpointURL = claim.URL
				if r := courier.Deliver(t.Context(), claim); r.Outcome != outbox.OutcomeAcknowledged {
					t.Errorf("shop %d: %+v", i, r)
					return
				}
			}
		})
	}
	all.Wait()
	// What the courier has closed, the merchant notices a little later.
	if n := server.most.Load(); n > 2*(bound+atOnce) {
		t.Errorf("up to %d connections were open", n)
	}
	t.Logf("%d connections were opened, up to %d at once", server.opened.Load(), server.most.Load())
	courier.Close()
	goleak.VerifyNone(t, before)
}
