package delivery

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http/httptrace"
	"time"
)

// dialer opens connections: to endpoints, or to the egress proxy where there is
// one. It has a net.Dialer for each scheme, since the guard must know what will be
// spoken on a socket.
type dialer struct {
	http, https net.Dialer
	roots       *tls.Config
	own         *Credentials // nil where the endpoint has none
	proxy       *egress      // nil where there is none
}

func newDialer(o Options, own *Credentials) *dialer {
	d := &dialer{
		http:  net.Dialer{Resolver: o.Resolver, ControlContext: o.Guard.Control("http")},
		https: net.Dialer{Resolver: o.Resolver, ControlContext: o.Guard.Control("https")},
		roots: &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}},
		own:   own,
	}
	if o.Proxy != nil {
		d.proxy = newEgress(o)
	}
	return d
}

// plain opens a connection for http, within the deadline of its trip.
func (d *dialer) plain(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, release := followTrip(ctx)
	defer release()
	if d.proxy != nil { // then this is its address
		conn, err := d.proxy.dial(ctx)
		return onWire(conn), err
	}
	conn, err := d.http.DialContext(ctx, network, address)
	return onWire(conn), err
}

// secure opens a connection for https and shakes hands. It is ours because the
// transport's own would dial both schemes with one dialer.
func (d *dialer) secure(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, release := followTrip(ctx)
	defer release()
	conn, err := d.reach(ctx, network, address)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("read the address of a TLS server: %w", err)
	}
	if t, ok := tripOf(ctx); ok {
		t.enter(phaseTLS)
	}
	config := d.config()
	config.ServerName = host
	greeting := &handshakeCap{Conn: conn, left: maxHandshakeBytes}
	secured := tls.Client(greeting, config)
	// HandshakeContext would keep a goroutine waiting for each.
	if err := within(ctx, conn, secured.Handshake); err != nil {
		conn.Close()
		return nil, &handshakeError{host: host, err: err}
	}
	greeting.done = true
	return onWire(secured), nil
}

// within ends what is done on a connection when its context ends, without a
// goroutine that waits. The connection is of no use after an error.
func within(ctx context.Context, conn net.Conn, do func() error) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err := do()
	if !stop() {
		return ctx.Err()
	}
	return err
}

// reach opens the connection under TLS, directly or through the proxy.
func (d *dialer) reach(ctx context.Context, network, address string) (net.Conn, error) {
	if d.proxy != nil {
		return d.proxy.tunnel(ctx, address)
	}
	return d.https.DialContext(ctx, network, address)
}

// config is that of one handshake: an endpoint's files may have changed.
func (d *dialer) config() *tls.Config {
	config := d.roots.Clone()
	if d.own != nil {
		d.own.apply(config)
	}
	return config
}

// tripOf finds the trip that a dial was begun for.
func tripOf(ctx context.Context) (*trip, bool) {
	t, ok := ctx.Value(tripKey{}).(*trip)
	return t, ok
}

// followTrip makes a dial's context end with its trip, since the transport hands
// dials a context without its request's deadline, and notes the dial's phases.
func followTrip(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	t, ok := tripOf(ctx)
	if !ok {
		return ctx, cancel
	}
	stop := context.AfterFunc(t, cancel)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { t.enter(phaseDNS) },
		ConnectStart: func(string, string) { t.enter(phaseConnect) },
	})
	return ctx, func() { stop(); cancel() }
}

// handshakeError marks an error as one of the TLS handshake.
type handshakeError struct {
	host string
	err  error
}

func (e *handshakeError) Error() string { return "TLS: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }
