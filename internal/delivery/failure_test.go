package delivery_test

import (
	"context"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/outbox"
)

const short = 300 * time.Millisecond

// TestDeadlineInEachPhase lets the same short deadline pass in every phase.
func TestDeadlineInEachPhase(t *testing.T) {
	t.Parallel()
	silent := listenRaw(t, func(conn net.Conn, _ func() bool) { untilClosed(conn) })
	dripping := func(text string) string {
		return listenRaw(t, func(conn net.Conn, next func() bool) {
			next()
			write(conn, text)
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for range tick.C {
				if _, err := conn.Write([]byte("x")); err != nil {
					return
				}
			}
		}).url
	}
	for _, c := range []struct {
		name, url, phase string
		status           int
	}{
		{"connect", "http://" + fullBacklog(t), "connecting", 0},
		{"TLS", strings.Replace(silent.url, "http:", "https:", 1), "TLS", 0},
		{"headers", silent.url, "waiting for headers", 0},
		{"headers that never end", dripping("HTTP/1.1 200 OK\r\nX: "), "waiting for headers", 0},
		{"headers, then nothing", listenRaw(t, func(conn net.Conn, next func() bool) {
			next()
			write(conn, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsuc")
			untilClosed(conn)
		}).url, "reading the body; status 200, 3 bytes came", 200},
		{"a byte at a time", dripping("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"), "reading the body; status 200, ", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			claim := claimFor(c.url)
			claim.Policy.Timeout = short
			r := newCourier(t, nil).Deliver(t.Context(), claim)
			text := "no answer within 300ms (phase: " + c.phase
			if r.Outcome != outbox.OutcomeTimeout || r.HTTPStatus != c.status || !strings.HasPrefix(r.Error, text) {
				t.Errorf("got %+v, want %s", r, text)
			}
			if r.Elapsed < short {
				t.Errorf("the deadline passed after %v", r.Elapsed)
			}
		})
	}
}

func TestDeadlineWhileSending(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	deaf := listenRaw(t, func(net.Conn, func() bool) { <-stop })
	t.Cleanup(func() { close(stop) }) // before the listener waits for its handlers
	claim := claimFor(deaf.url)
	claim.Body = strings.Repeat("x", 32<<20) // more than the socket's buffers take
	claim.Policy.Timeout = short
	want(t, newCourier(t, nil).Deliver(t.Context(), claim), outbox.OutcomeTimeout, 0,
		"no answer within 300ms (phase: sending the request)")
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

func TestUnreachable(t *testing.T) {
	t.Parallel()
	serve := func(text string) string {
		return listenRaw(t, func(conn net.Conn, next func() bool) {
			if next() {
				write(conn, text)
			}
		}).url
	}
	reset := listenRaw(t, func(conn net.Conn, next func() bool) {
		next()
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}).url
	refused := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return "http://" + l.Addr().String()
	}
	for _, c := range []struct {
		name, url string
		status    int
		error     string
		excerpt   string
	}{
		{"refused", refused(), 0, "connect: connection refused", ""},
		{"no TLS", strings.Replace(serve("HTTP/1.1 400 no\r\n\r\n"), "http:", "https:", 1), 0, "TLS: the connection was closed during the handshake", ""},
		{"closed", serve(""), 0, "the connection was closed", ""},
		{"reset", reset, 0, "connection reset by peer", ""},
		{"garbage", serve("SSH-2.0-OpenSSH_9\r\n\r\n"), 0, `malformed HTTP response "SSH-2.0-OpenSSH_9"`, ""},
		{"a bad status", serve("HTTP/1.1 abc OK\r\n\r\n"), 0, `malformed HTTP status code "abc"`, ""},
		{"a bad length", serve("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), 0, `bad Content-Length "-1"`, ""},
		{"half a header", serve("HTTP/1.1 200 OK\r\nContent-Le"), 0, `malformed MIME header: missing colon: "Content-Le"`, ""},
		{"huge headers", serve("HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 100) + "\r\n"), 0, "server response headers exceeded 65536 bytes; aborted", ""},
		{"cut short", serve("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsuccess"), 200, "the answer was cut short: the connection was closed (status 200, 7 bytes came)", "success"},
		{"cut short at once", serve("HTTP/1.1 200 OK\r\nContent-Length: 8\r\nRetry-After: 9\r\n\r\n"), 200, "the answer was cut short: the connection was closed (status 200, 0 bytes came)", ""},
		{"a cut chunk", serve("HTTP/1.1 503 no\r\nRetry-After: 9\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nsuccess\r\n"), 503, "the answer was cut short: the connection was closed (status 503, 7 bytes came)", "success"},
		{"a bad chunk", serve("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), 200, "the answer was cut short: invalid byte in chunk length (status 200, 0 bytes came)", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newCourier(t, nil).Deliver(t.Context(), claimFor(c.url))
			want(t, r, outbox.OutcomeUnreachable, c.status, c.error)
			if r.Excerpt != c.excerpt || r.RetryAfter != 0 {
				t.Errorf("excerpt %q, retry after %v", r.Excerpt, r.RetryAfter)
			}
		})
	}
}

// On loopback the beginning has arrived when write returns, and Linux hands it out
// before the reset.
func TestResetInTheBody(t *testing.T) {
	t.Parallel()
	server := listenRaw(t, func(conn net.Conn, next func() bool) {
		next()
		write(conn, "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n"+strings.Repeat("success", 1000))
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	})
	r := newCourier(t, nil).Deliver(t.Context(), claimFor(server.url))
	if r.Outcome != outbox.OutcomeUnreachable || r.HTTPStatus != 200 ||
		!strings.HasPrefix(r.Error, "the answer was cut short: connection reset by peer (status 200, ") {
		t.Errorf("got %+v", r)
	}
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
