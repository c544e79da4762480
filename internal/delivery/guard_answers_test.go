package delivery_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/delivery/netguard"
	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/outbox"
)

func (p *trap) port(i int) string { return ":" + strconv.Itoa(p.ports[i]) }

// An endpoint that may be reached sends the courier to every spelling, by each kind
// of redirect and by headers that other clients follow. Each answer ends its
// attempt; its connection is used again for the next.
func TestNoAnswerLeadsToAForbiddenAddress(t *testing.T) {
	t.Parallel()
	p := newTrap(t)
	urls := spellings(p.ports)
	statuses := []int{301, 302, 303, 307, 308, 300, 305, 201, 401, 503}
	var requests, connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		i, _ := strconv.Atoi(r.Header.Get("X-Number"))
		for name, form := range map[string]string{
			"Location": "%s", "Refresh": "0; url=%s", "Content-Location": "%s", "Link": "<%s>; rel=preload", "Alt-Svc": `http/1.1="%s"; ma=9`,
			"Proxy-Authenticate": `Basic realm="%s"`, "Www-Authenticate": `Negotiate realm="%s"`, "Set-Cookie": "a=b; Domain=%s",
		} {
			w.Header().Set(name, strings.Replace(form, "%s", strings.ReplaceAll(urls[i], "\x00", "%00"), 1))
		}
		w.WriteHeader(statuses[i%len(statuses)])
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	// It may go to the endpoint, and to all that the spellings lead to: what is not
	// followed reaches nobody even then.
	courier := newCourier(t, func(o *delivery.Options) { o.Guard = everywhere() })
	inParallel(urls, func(i int, _ string) {
		claim := variant(i, server.URL+"/n")
		if claim.Headers == nil {
			claim.Headers = map[string]string{}
		}
		claim.Headers["X-Number"] = strconv.Itoa(i)
		if r := courier.Deliver(t.Context(), claim); r.Outcome != outbox.OutcomeAnswered || r.HTTPStatus != statuses[i%len(statuses)] {
			t.Errorf("%q: %+v", urls[i], r)
		}
	})
	if n := p.visitors(t); n != 0 {
		t.Errorf("%d answers were followed to forbidden addresses", n)
	}
	t.Logf("%d answers on %d connections", requests.Load(), connections.Load())
	if requests.Load() != int64(len(urls)) || connections.Load() > 100 {
		t.Errorf("%d requests for %d answers, on %d connections", requests.Load(), len(urls), connections.Load())
	}
}

// A name's open connection is to the address that was judged. Once it is closed, the
// name is judged by what it is then: here the same port of a forbidden address.
func TestReusedConnectionStaysWhereItIs(t *testing.T) {
	t.Parallel()
	for _, turned := range []string{"::1", "::ffff:127.0.0.1", "127.0.0.1", "::"} {
		m := merchanttest.New(t)
		m.Script("", merchanttest.Success(), merchanttest.Answer{Body: "success", Header: http.Header{"Connection": {"close"}}})
		p := trapBeside(t, m)
		var now atomic.Value
		now.Store("127.0.0.1")
		b := newBook(t, func(string, int) record { return record{addresses: []string{now.Load().(string)}} })
		guard := netguard.New(netguard.Rules{
			Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		})
		courier := newCourier(t, func(o *delivery.Options) { o.Guard, o.Resolver = guard, b.resolver() })
		url := "http://shop.example" + portOf(m) + "/n"
		for attempt, lookUps := range []int64{2, 2} { // A and AAAA, and then none
			want(t, courier.Deliver(t.Context(), claimFor(url)), outbox.OutcomeAcknowledged, 200, "")
			if n := b.asked.Load(); n != lookUps {
				t.Errorf("%d look-ups after attempt %d", n, attempt+1)
			}
			now.Store(turned)
		}
		seen := &trips{t: t}
		if r := courier.Deliver(t.Context(), claimFor(url)); !strings.HasSuffix(turned, "127.0.0.1") {
			seen.nothingSent(turned, r)
		} else if r.Outcome != outbox.OutcomeAcknowledged { // only another spelling of what is allowed
			t.Errorf("%s: %+v", turned, r)
		}
		if n := p.visitors(t); n != 0 {
			t.Errorf("%s: %d connections", turned, n)
		}
	}
}

// trapBeside listens on ::1 at a merchant's own port.
func trapBeside(t *testing.T, m *merchanttest.Merchant) *trap {
	t.Helper()
	return trapAt(t, "[::1]"+portOf(m))
}

// Two couriers in one process share no connection: what one was allowed to open, the
// other does not use.
func TestAnotherCouriersConnectionIsNotUsed(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	want(t, newCourier(t, nil).Deliver(t.Context(), claimFor(m.URL)), outbox.OutcomeAcknowledged, 200, "")
	none := newCourier(t, func(o *delivery.Options) { o.Guard = nil })
	var all sync.WaitGroup
	seen := &trips{t: t}
	for range 8 {
		all.Go(func() { seen.nothingSent(m.URL, none.Deliver(t.Context(), claimFor(m.URL))) })
	}
	all.Wait()
	if n := len(m.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}
