package delivery

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/orderbell/orderbell/internal/delivery/netguard"
)

// maxConnectBytes is what a proxy may answer to CONNECT.
const maxConnectBytes = 16 << 10

// Proxy is an egress proxy that all requests go through.
type Proxy struct {
	// URL is http://[user:password@]host:port, and nothing else.
	URL *url.URL
	// Guard judges the proxy's own address; a nil one opens none over plain http.
	// The address is the operator's, so it may be private.
	Guard *netguard.Guard
}

// egress reaches endpoints through the proxy: https by CONNECT, http by asking it
// for the whole URL.
type egress struct {
	url    *url.URL
	dialer net.Dialer
	guard  *netguard.Guard // for targets that are addresses, not names
}

func newEgress(o Options) *egress {
	return &egress{
		url: &url.URL{Scheme: "http", User: o.Proxy.URL.User, Host: o.Proxy.URL.Host},
		dialer: net.Dialer{
			Resolver: o.Resolver, ControlContext: o.Proxy.Guard.Control("http"),
		},
		guard: o.Guard,
	}
}

// proxyError is what went wrong at the proxy, or what it said to CONNECT.
type proxyError struct {
	status int    // 0 where it did not answer
	said   string // its status line, without the version
	target string
	err    error
}

func (e *proxyError) Error() string {
	var blocked *netguard.Blocked
	switch {
	case errors.As(e.err, &blocked):
		return "the egress proxy: " + blocked.Error()
	case e.status == http.StatusForbidden:
		return fmt.Sprintf("the egress proxy forbids %s (%s)", e.target, e.said)
	case e.status != 0:
		return "the egress proxy answered " + e.said
	}
	return "the egress proxy: " + cause(e.err)
}

func (e *proxyError) Unwrap() error { return e.err }

// unreached tells that the proxy works, and did not reach the endpoint, for whatever reason:
// one that no host name can give would let a merchant's URL stop the others.
func (e *proxyError) unreached() bool {
	return e.status != 0 && e.status != http.StatusForbidden && e.status != http.StatusProxyAuthRequired
}

// dial opens a connection to the proxy itself.
func (g *egress) dial(ctx context.Context) (net.Conn, error) {
	conn, err := g.dialer.DialContext(ctx, "tcp", g.url.Host)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil: // the proxy may be well
		return nil, ctx.Err()
	}
	return nil, &proxyError{err: err}
}

// tunnel opens a connection to an endpoint's host:port through the proxy.
func (g *egress) tunnel(ctx context.Context, target string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return nil, fmt.Errorf("read the address of a TLS server: %w", err)
	}
	if err := g.judge("https", host, port); err != nil {
		return nil, err
	}
	conn, err := g.dial(ctx)
	if err != nil {
		return nil, err
	}
	if t, ok := tripOf(ctx); ok {
		t.enter(phaseProxy)
	}
	var through net.Conn
	err = within(ctx, conn, func() (err error) {
		through, err = g.connect(conn, target)
		return err
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return through, nil
}

// connect asks for a tunnel. Whatever follows the answer is the endpoint's.
func (g *egress) connect(conn net.Conn, target string) (net.Conn, error) {
	ask := "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n"
	if user := g.url.User; user != nil {
		password, _ := user.Password()
		ask += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) + "\r\n"
	}
	if _, err := io.WriteString(conn, ask+"\r\n"); err != nil {
		return nil, &proxyError{err: err}
	}
	limited := &io.LimitedReader{R: conn, N: maxConnectBytes}
	in := bufio.NewReaderSize(limited, 512)
	answer, err := http.ReadResponse(in, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return nil, &proxyError{err: err}
	}
	answer.Body.Close() // of CONNECT, it reads nothing
	if answer.StatusCode/100 != 2 {
		return nil, &proxyError{status: answer.StatusCode, said: clip(answer.Status), target: target}
	}
	limited.N = math.MaxInt64
	if in.Buffered() == 0 {
		return conn, nil
	}
	return &earlyConn{conn, in}, nil
}

// earlyConn is a connection of which something was read already.
type earlyConn struct {
	net.Conn
	in *bufio.Reader
}

func (c *earlyConn) Read(p []byte) (int, error) { return c.in.Read(p) }

// absolute makes the transport ask the proxy for the whole URL, over plain http;
// a tunnel for https is the dial's.
func (g *egress) absolute(r *http.Request) (*url.URL, error) {
	if r.URL.Scheme != "http" {
		return nil, nil
	}
	if err := g.judge("http", r.URL.Hostname(), cmp.Or(r.URL.Port(), "80")); err != nil {
		return nil, err
	}
	return g.url, nil
}

// absolute is for the transport's Proxy.
func (d *dialer) absolute(r *http.Request) (*url.URL, error) { return d.proxy.absolute(r) }

// judge refuses what needs no look-up to be refused: a forbidden address, and what
// is no name, since a proxy may read it as an address in octal or hex.
func (g *egress) judge(scheme, host, port string) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return errors.New("the URL's port is none")
		}
		return g.guard.Decide(scheme, netip.AddrPortFrom(addr, uint16(n)))
	}
	if !isHostName(host) {
		return &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return nil
}

// isHostName says whether a text can be a host's name in DNS, and cannot be an
// address in any spelling: those end in a number.
func isHostName(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if len(host) > 253 {
		return false
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	return strings.Trim(last, "0123456789") != "" && !strings.HasPrefix(last, "0x")
}
