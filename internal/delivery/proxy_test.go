package delivery_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/delivery/netguard"
	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/outbox"
)

const proxyUser = "worker:s3cr3t"

// egressProxy is a proxy that passes everything on to one merchant, whatever host
// is asked for.
type egressProxy struct {
	url *url.URL

	mu    sync.Mutex
	asked []string // request lines, and their credentials
}

func listenProxy(t *testing.T, merchant string) *egressProxy {
	t.Helper()
	p := &egressProxy{}
	server := listenRaw(t, func(conn net.Conn, _ func() bool) {
		in := bufio.NewReader(conn)
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.asked = append(p.asked, request.Method+" "+request.RequestURI+" "+request.Header.Get("Proxy-Authorization"))
		p.mu.Unlock()
		there, err := net.Dial("tcp", merchant)
		if err != nil {
			return
		}
		defer there.Close()
		if request.Method == http.MethodConnect {
			write(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		} else {
			request.Header.Del("Proxy-Authorization")
			request.Close = true // one request for each connection will do
			if request.Write(there) != nil {
				return
			}
		}
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(there, in); there.Close() })
		_, _ = io.Copy(conn, there)
		conn.Close()
		both.Wait()
	})
	p.url = proxyAt(server.url)
	return p
}

func (p *egressProxy) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}

func proxyAt(address string) *url.URL {
	u, err := url.Parse(strings.Replace(address, "http://", "http://"+proxyUser+"@", 1))
	if err != nil {
		panic(err)
	}
	return u
}

// behind makes a courier that reaches everything through a proxy. Its own guard
// opens public https alone.
func behind(t *testing.T, at *url.URL, change func(*delivery.Options)) *delivery.Courier {
	t.Helper()
	return newCourier(t, func(o *delivery.Options) {
		o.Guard, o.Proxy = nil, &delivery.Proxy{URL: at, Guard: local()}
		if change != nil {
			change(o)
		}
	})
}

func TestThroughAProxy(t *testing.T) {
	t.Parallel()
	who := newIdentity(t, nil, nil)
	secure, plain := shop(t, who, nil), merchanttest.New(t)
	const credentials = " Basic d29ya2VyOnMzY3IzdA=="
	for _, c := range []struct{ merchant, url, asked string }{
		{secure.Listener.Addr().String(), "https://shop.example/n", "CONNECT shop.example:443"},
		{secure.Listener.Addr().String(), "https://shop.example:9443/n", "CONNECT shop.example:9443"},
		{strings.TrimPrefix(plain.URL, "http://"), "http://shop.example/n?a=b", "POST http://shop.example/n?a=b"},
	} {
		proxy := listenProxy(t, c.merchant)
		r := behind(t, proxy.url, func(o *delivery.Options) { o.RootCAs = pool(who) }).Deliver(t.Context(), claimFor(c.url))
		want(t, r, outbox.OutcomeAcknowledged, 200, "")
		if diff := cmp.Diff([]string{c.asked + credentials}, proxy.requests()); diff != "" || !r.Connected {
			t.Errorf("connected %v, the proxy was asked (-want +got):\n%s", r.Connected, diff)
		}
	}
	if got := plain.Requests(); len(got) != 1 || got[0].Header.Get("Proxy-Authorization") != "" || got[0].Host != "shop.example" {
		t.Errorf("the merchant got %+v", got)
	}
}

// TestFailingProxies has what a proxy may say or do. None of it shows its password.
func TestFailingProxies(t *testing.T) {
	t.Parallel()
	gone := func() *url.URL {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return proxyAt("http://" + l.Addr().String())
	}()
	status := func(line string) *temper { s := says("HTTP/1.1 " + line + "\r\nContent-Length: 0\r\n\r\n"); return &s }
	does := func(t temper) *temper { return &t }
	const ours = "nothing was sent: the egress proxy"
	for _, c := range []struct {
		name, scheme string
		temper       *temper // nil: there is none
		outcome      outbox.Outcome
		status       int
		error        string
	}{
		{"away", "https", nil, outbox.OutcomeInterrupted, 0, ours + ": connect: connection refused"},
		{"away", "http", nil, outbox.OutcomeInterrupted, 0, ours + ": connect: connection refused"},
		{"closes", "https", does(says("")), outbox.OutcomeInterrupted, 0, ours + ": the connection was closed"},
		{"resets", "https", does(resets("")), outbox.OutcomeInterrupted, 0, ours + ": connection reset by peer"},
		{"garbage", "https", does(says("SSH-2.0\r\n\r\n")), outbox.OutcomeInterrupted, 0, ours + `: malformed HTTP response "SSH-2.0"`},
		{"floods", "https", does(floods(ok+"X: ", "x")), outbox.OutcomeInterrupted, 0, ours + ": the connection was closed"},
		{"407", "https", status("407 who are you"), outbox.OutcomeInterrupted, 0, ours + " answered 407 who are you"},
		{"400", "https", status("400 no"), outbox.OutcomeUnreachable, 0, "the egress proxy answered 400 no"},
		{"500", "https", status("500 no"), outbox.OutcomeUnreachable, 0, "the egress proxy answered 500 no"},
		{"302", "https", status("302 there"), outbox.OutcomeUnreachable, 0, "the egress proxy answered 302 there"},
		{"502", "https", status("502 Bad Gateway"), outbox.OutcomeUnreachable, 0, "the egress proxy answered 502 Bad Gateway"},
		{"503", "https", status("503 no"), outbox.OutcomeUnreachable, 0, "the egress proxy answered 503 no"},
		{"504", "https", status("504 no"), outbox.OutcomeUnreachable, 0, "the egress proxy answered 504 no"},
		{"403", "https", status("403 Forbidden"), outbox.OutcomeBlocked, 0, "the egress proxy forbids shop.example:443 (403 Forbidden)"},
		{"silent", "https", does(stalls("")), outbox.OutcomeTimeout, 0, "no answer within 300ms (phase: waiting for the egress proxy)"},
		{"407", "http", does(says("HTTP/1.1 407 who\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")), outbox.OutcomeInterrupted, 0, ours + " answered 407 who"},
		{"407 of the endpoint's", "http", status("407 who"), outbox.OutcomeAnswered, 407, `status 407 with an empty body, which is not "success"`},
		{"502", "http", status("502 no"), outbox.OutcomeAnswered, 502, `status 502 with an empty body, which is not "success"`},
		{"closes", "http", does(says("")), outbox.OutcomeUnreachable, 0, "the connection was closed"},
	} {
		t.Run(c.name+" "+c.scheme, func(t *testing.T) {
			t.Parallel()
			at := gone
			if c.temper != nil {
				at = proxyAt(listenRaw(t, func(conn net.Conn, _ func() bool) { (*c.temper)(conn, func() {}) }).url)
			}
			claim := claimFor(c.scheme + "://shop.example/n")
			if c.outcome == outbox.OutcomeTimeout {
				claim.Policy.Timeout = short
			}
			r := behind(t, at, nil).Deliver(t.Context(), claim)
			want(t, r, c.outcome, c.status, c.error)
			if r.Ours != (c.outcome == outbox.OutcomeInterrupted) || r.Connected != (c.status != 0) {
				t.Errorf("ours %v, connected %v", r.Ours, r.Connected)
			}
		})
	}
}

// A proxy that cannot be reached in time, or looked up, or dialled at all, is our fault.
func TestProxiesThatAreNotReached(t *testing.T) {
	t.Parallel()
	nowhere := resolverAt(t, nameServer(t, func(string) []string { return nil }))
	for _, c := range []struct {
		host, error string
		guard       *netguard.Guard
	}{
		{fullBacklog(t), "the egress proxy was not reached within 300ms (phase: connecting)", local()},
		{"proxy.example:3128", "the egress proxy: DNS: no such host proxy.example", local()},
		{"169.254.169.254:80", "the egress proxy: blocked by the address policy: 169.254.169.254 is in 169.254.0.0/16 ", local()},
		{"10.0.0.1:3128", "the egress proxy: blocked by the address policy: 10.0.0.1 is in 10.0.0.0/8 ", nil},
	} {
		for _, scheme := range []string{"https", "http"} {
			courier := behind(t, proxyAt("http://"+c.host), func(o *delivery.Options) { o.Resolver, o.Proxy.Guard = nowhere, c.guard })
			claim := claimFor(scheme + "://shop.example/n")
			claim.Policy.Timeout = short
			r := courier.Deliver(t.Context(), claim)
			if r.Outcome != outbox.OutcomeInterrupted || !r.Ours || r.Connected || !strings.HasPrefix(r.Error, "nothing was sent: "+c.error) {
				t.Errorf("%s, %s: %+v", c.host, scheme, r)
			}
		}
	}
}

// What needs no look-up to be refused never gets to the proxy.
func TestAddressesAreJudgedBeforeTheProxy(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	proxy := listenProxy(t, strings.TrimPrefix(m.URL, "http://"))
	courier := behind(t, proxy.url, func(o *delivery.Options) {
		o.Guard = netguard.New(netguard.Rules{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	})
	for _, scheme := range []string{"http", "https"} {
		for _, host := range []string{"127.0.0.1", "169.254.169.254", "192.168.0.1:8080", "[::1]", "[::ffff:127.0.0.1]:443", "[fd00:ec2::254]"} {
			if r := courier.Deliver(t.Context(), claimFor(scheme+"://"+host+"/n")); r.Outcome != outbox.OutcomeBlocked {
				t.Errorf("%s: %+v", host, r)
			}
		}
		for _, host := range []string{
			"2130706433", "0x7f.1", "0x7f000001", "127.1", "127.0.0.1.", "0177.0.0.1", "127.0.0.1\u3002", "shop..example", "a b", "*.example",
			"１２７.0.0.1", "①②⑦.⓪.⓪.①", strings.Repeat("a", 64) + ".example",
		} {
			r := courier.Deliver(t.Context(), claimFor(scheme+"://"+host+"/n"))
			switch r.Outcome {
			case outbox.OutcomeBlocked, outbox.OutcomeRejected, outbox.OutcomeUnreachable:
			default:
				t.Errorf("%s: %+v", host, r)
			}
		}
	}
	if got := proxy.requests(); len(got) != 0 {
		t.Errorf("the proxy was asked for %v", got)
	}
	want(t, courier.Deliver(t.Context(), claimFor("http://10.1.2.3:8080/n")), outbox.OutcomeAcknowledged, 200, "")
}

// An endpoint that speaks before TLS speaks through the tunnel: that is no failure
// of the proxy, or any endpoint could stop us.
func TestEarlyBytesInATunnelAreTheEndpoints(t *testing.T) {
	t.Parallel()
	at := proxyAt(listenRaw(t, func(conn net.Conn, next func() bool) {
		next()
		write(conn, "HTTP/1.1 200 OK\r\n\r\n220 mail.example ESMTP\r\n")
		untilClosed(conn)
	}).url)
	r := behind(t, at, nil).Deliver(t.Context(), claimFor("https://shop.example/n"))
	want(t, r, outbox.OutcomeUnreachable, 0, "TLS: the server does not speak TLS")
	if r.Ours || !r.Connected {
		t.Errorf("got %+v", r)
	}
}

// The deadline holds inside of the tunnel, too.
func TestDeadlineInATunnel(t *testing.T) {
	t.Parallel()
	at := proxyAt(listenRaw(t, func(conn net.Conn, next func() bool) {
		next()
		write(conn, "HTTP/1.1 200 OK\r\n\r\n")
		untilClosed(conn)
	}).url)
	claim := claimFor("https://shop.example/n")
	claim.Policy.Timeout = 200 * time.Millisecond
	r := behind(t, at, nil).Deliver(t.Context(), claim)
	want(t, r, outbox.OutcomeTimeout, 0, "no answer within 200ms (phase: TLS)")
	if !r.Connected {
		t.Errorf("got %+v", r)
	}
}
