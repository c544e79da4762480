package delivery_test

import (
	"context"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/outbox"
)

const short = 300 * time.Millisecond

// What a merchant does with a connection is in TestHostileMerchants.

func TestDeadlineWhileConnecting(t *testing.T) {
	t.Parallel()
	claim := claimFor("http://" + fullBacklog(t))
	claim.Policy.Timeout = short
	r := newCourier(t, nil).Deliver(t.Context(), claim)
	want(t, r, outbox.OutcomeTimeout, 0, "no answer within 300ms (phase: connecting)")
	if r.Connected {
		t.Error("connected")
	}
}

func TestRefusedConnections(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	r := newCourier(t, nil).Deliver(t.Context(), claimFor("http://"+l.Addr().String()))
	want(t, r, outbox.OutcomeUnreachable, 0, "connect: connection refused")
	if r.Connected || r.Ours {
		t.Errorf("got %+v", r)
	}
}

func TestDeadlineInDNS(t *testing.T) {
	t.Parallel()
	deaf, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	courier := newCourier(t, func(o *delivery.Options) { o.Resolver = resolverAt(t, deaf.LocalAddr().String()) })
	claim := claimFor("https://shop.example/n")
	claim.Policy.Timeout = short
	want(t, courier.Deliver(t.Context(), claim), outbox.OutcomeTimeout, 0, "no answer within 300ms (phase: DNS)")
}

// resolverAt asks one name server on loopback, whatever the machine's are. A
// look-up that nobody waits for any more ends with the test.
func resolverAt(t *testing.T, address string) *net.Resolver {
	t.Helper()
	var mu sync.Mutex
	var conns []net.Conn
	ended := false
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		ended = true
		for _, conn := range conns {
			conn.Close()
		}
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		if ended {
			return nil, net.ErrClosed
		}
		conn, err := new(net.Dialer).DialContext(ctx, "udp", address)
		if err == nil {
			conns = append(conns, conn)
		}
		return conn, err
	}}
}

// fullBacklog is an address that takes no further connection and refuses none.
func fullBacklog(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(os.NewSyscallError("socket", err))
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(os.NewSyscallError("bind", err))
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(os.NewSyscallError("listen", err))
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(os.NewSyscallError("getsockname", err))
	}
	in, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		t.Fatalf("unexpected address %T", name)
	}
	address := (&net.TCPAddr{IP: in.Addr[:], Port: in.Port}).String()
	for range 16 {
		conn, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the backlog takes every connection")
	return ""
}

func TestOtherProtocolsAreNotRead(t *testing.T) {
	t.Parallel()
	server := listenRaw(t, func(conn net.Conn, next func() bool) {
		next()
		write(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nsuccess")
		untilClosed(conn)
	})
	want(t, newCourier(t, nil).Deliver(t.Context(), claimFor(server.url)), outbox.OutcomeAnswered, 101,
		`status 101 with an empty body, which is not "success"`)
}

func TestInformationalAnswersAreSkipped(t *testing.T) {
	t.Parallel()
	server := listenRaw(t, func(conn net.Conn, next func() bool) {
		for next() {
			write(conn, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"+answerWith("success"))
		}
	})
	want(t, newCourier(t, nil).Deliver(t.Context(), claimFor(server.url)), outbox.OutcomeAcknowledged, 200, "")
}
