package delivery

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http/httptrace"
)

type dial = func(ctx context.Context, network, address string) (net.Conn, error)

// dialPlain opens a connection for http, within the deadline of its trip.
func dialPlain(d *net.Dialer) dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, release := followTrip(ctx)
		defer release()
		return d.DialContext(ctx, network, address)
	}
}

// dialTLS opens a connection for https and shakes hands. It is ours because the
// transport's own would dial both schemes with one dialer, and the guard must
// know which of them will be spoken.
func dialTLS(d *net.Dialer, config *tls.Config) dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, release := followTrip(ctx)
		defer release()
		conn, err := d.DialContext(ctx, network, address)
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
		config := config.Clone()
		config.ServerName = host
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, &handshakeError{host: host, err: err}
		}
		return secured, nil
	}
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
