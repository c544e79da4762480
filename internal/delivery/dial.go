package delivery

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
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
		enterPhase(ctx, phaseTLS)
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

// handshakeError marks an error as one of the TLS handshake.
type handshakeError struct {
	host string
	err  error
}

func (e *handshakeError) Error() string { return "TLS: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }
