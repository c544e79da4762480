package delivery_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/outbox"
)

// TestManyGoroutinesShareACourier mixes policies, and looks whether any answer or
// body ended up with another's delivery.
func TestManyGoroutinesShareACourier(t *testing.T) {
	t.Parallel()
	const goroutines, each = 64, 20
	var connections, requests atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.Header.Get("X-Own") != r.FormValue("own") {
			t.Errorf("the headers of %s with the members of %s", r.Header.Get("X-Own"), r.FormValue("own"))
		}
		fmt.Fprint(w, r.FormValue("own")+strings.Repeat(".", len(r.Header.Get("X-Own"))*100))
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	courier := newCourier(t, nil)
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			for i := range each {
				own := fmt.Sprintf("%d-%d", g, i)
				claim := claimFor(server.URL)
				claim.Headers = map[string]string{"X-Own": own}
				claim.Body = `{"own":"` + own + `"}`
				claim.Policy.Format = []string{"form", "query"}[i%2]
				claim.Policy.Acknowledge = fmt.Sprintf(`hasPrefix(body, "%d-%d.")`, g, i%5)
				r := courier.Deliver(t.Context(), claim)
				if acknowledged := r.Outcome == outbox.OutcomeAcknowledged; acknowledged != (i < 5) || !strings.HasPrefix(r.Excerpt, own+".") {
					t.Errorf("%s: %+v", own, r)
				}
			}
		})
	}
	all.Wait()
	if n := requests.Load(); n != goroutines*each {
		t.Errorf("%d requests", n)
	}
	// Each goroutine may have opened one and found another's free one instead.
	if n := connections.Load(); n > 2*goroutines {
		t.Errorf("%d connections", n)
	}
}

// TestCloseLeavesNothingBehind is not parallel, so that all goroutines that are
// new are its own. Idle connections would stay for 4 s, the check waits for less.
func TestCloseLeavesNothingBehind(t *testing.T) {
	hang := listenRaw(t, func(conn net.Conn, _ func() bool) { untilClosed(conn) })
	good, _ := answering(t, answerWith("success"))
	short, _ := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\nConnection: close\r\n\r\nsuccess")
	over, _ := answering(t, answerWith(strings.Repeat("x", 5000)))
	upgrade, _ := answering(t, "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	before := goleak.IgnoreCurrent()
	courier := delivery.New(delivery.Options{Guard: local(), MaxAnswer: 1000})
	var all sync.WaitGroup
	for _, url := range []string{
		hang.url, strings.Replace(hang.url, "http:", "https:", 1), good.url, short.url, over.url, upgrade.url, "http://127.0.0.1:1", "http://10.0.0.1",
	} {
		for range 8 {
			all.Go(func() {
				claim := claimFor(url)
				claim.Policy.Timeout = 200 * time.Millisecond
				courier.Deliver(t.Context(), claim)
			})
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	all.Go(func() { courier.Deliver(stopped, claimFor(hang.url)) })
	stop()
	all.Wait()
	courier.Close()
	goleak.VerifyNone(t, before)
	// A closed courier still works, for a delivery that comes late.
	want(t, courier.Deliver(t.Context(), claimFor(good.url)), outbox.OutcomeAcknowledged, 200, "")
	courier.Close()
	goleak.VerifyNone(t, before)
}
