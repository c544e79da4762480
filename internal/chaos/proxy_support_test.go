package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// longEnough bounds what must happen. It is generous, since the machine may be busy.
const longEnough = 30 * time.Second

// backend takes connections for a proxy to dial.
type backend struct {
	listener *net.TCPListener
}

func listenAsBackend(t *testing.T) backend {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return backend{listener: listener.(*net.TCPListener)}
}

func (b backend) address() string { return b.listener.Addr().String() }

// throughProxy returns both ends of a connection through the proxy.
func throughProxy(t *testing.T, proxy *chaos.Proxy, b backend) (client, far *net.TCPConn) {
	t.Helper()
	client, err := dialProxy(t, proxy.Addr())
	if err != nil {
		t.Fatal(err)
	}
	_ = b.listener.SetDeadline(time.Now().Add(longEnough))
	far, err = b.listener.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	return client, far
}

func dialProxy(t *testing.T, address string) (*net.TCPConn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longEnough)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp4", address)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn), nil
}

func say(t *testing.T, conn *net.TCPConn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatalf("say %q: %v", text, err)
	}
}

func hears(t *testing.T, conn *net.TCPConn, text string) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(longEnough))
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
		t.Fatalf("heard %q, want %q: %v", got, text, err)
	}
}

// broken waits for the connection's end, before which nothing may come.
func broken(t *testing.T, conn *net.TCPConn, want error) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(longEnough))
	if got, err := io.ReadAll(conn); !errors.Is(err, want) || len(got) > 0 {
		t.Fatalf("it said %q and ended with %v, want %v", got, err, want)
	}
}

func untilLost(t *testing.T, proxy *chaos.Proxy) {
	t.Helper()
	pgtest.Eventually(t, longEnough, "something to be dropped", func() error {
		if proxy.Lost() == 0 {
			return errors.New("nothing was")
		}
		return nil
	})
}

func untilNoConnections(t *testing.T, proxy *chaos.Proxy) {
	t.Helper()
	pgtest.Eventually(t, longEnough, "connections to end", func() error {
		if n := proxy.Connections(); n != 0 {
			return fmt.Errorf("it counts %d", n)
		}
		return nil
	})
}
