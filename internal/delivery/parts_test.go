package delivery_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/delivery/netguard"
	"github.com/orderbell/orderbell/internal/outbox"
)

func TestMain(m *testing.M) {
	if os.Getenv(answersOnly) != "" {
		answerAll()
		return
	}
	if name := os.Getenv(crowdName); name != "" {
		crowdProcess(name)
		return
	}
	if os.Getenv(poorProcess) != "" {
		runOutOfDescriptors()
		return
	}
	goleak.VerifyTestMain(m)
}

const standard = `status == 200 && lower(trim(body)) == "success"`

// local opens loopback, where all merchants of these tests are.
func local() *netguard.Guard {
	return netguard.New(netguard.Rules{Allow: []netip.Prefix{
		netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"),
	}})
}

func newCourier(t testing.TB, change func(*delivery.Options)) *delivery.Courier {
	t.Helper()
	o := delivery.Options{Version: "1.2.3", Guard: local()}
	if change != nil {
		change(&o)
	}
	c := delivery.New(o)
	t.Cleanup(c.Close)
	return c
}

// claimFor is an attempt at a URL, under a policy like `standard`.
func claimFor(url string) *outbox.Claim {
	return &outbox.Claim{
		ID: outbox.ID{0x01, 0x8f, 15: 0x2a}, Attempt: 2, Endpoint: "m-1", Event: "trade.success", OrderNo: "42",
		URL: url, Body: `{"order_no":"42"}`,
		Policy: &outbox.Policy{
			Name: "standard", Acknowledge: standard, Method: "POST", Format: "body", Timeout: 20 * time.Second,
		},
	}
}

// rawServer answers connections by hand.
type rawServer struct {
	url string

	mu       sync.Mutex
	requests []string // each as it was on the wire
	changed  chan struct{}
}

// listenRaw calls handle for every connection, with a function that reads one
// request and records it. Connections are closed when handle returns.
func listenRaw(t testing.TB, handle func(conn net.Conn, next func() bool)) *rawServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &rawServer{url: "http://" + l.Addr().String(), changed: make(chan struct{}, 100)}
	var open sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	closed := false
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			if conns = append(conns, conn); closed {
				conn.Close() // accepted at the last moment
			}
			mu.Unlock()
			r := bufio.NewReader(conn)
			open.Go(func() {
				defer conn.Close()
				handle(conn, func() bool { return s.record(r) })
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		closed = true
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		open.Wait()
	})
	return s
}

// record reads one request by its headers; false where none comes.
func (s *rawServer) record(r *bufio.Reader) bool {
	var seen bytes.Buffer
	request, err := http.ReadRequest(bufio.NewReader(io.TeeReader(&oneLineAtATime{r: r}, &seen)))
	if err != nil {
		return false
	}
	raw := seen.String()
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	body := make([]byte, max(request.ContentLength, 0))
	if _, err := io.ReadFull(r, body); err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, head+"\r\n\r\n"+string(body))
	select {
	case s.changed <- struct{}{}:
	default: // nobody counts them
	}
	return true
}

func (s *rawServer) received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// oneLineAtATime keeps a reader above it from taking more than the headers.
type oneLineAtATime struct {
	r    *bufio.Reader
	rest []byte
	done bool
}

func (o *oneLineAtATime) Read(p []byte) (int, error) {
	if len(o.rest) == 0 {
		if o.done {
			return 0, io.EOF
		}
		line, err := o.r.ReadBytes('\n')
		if err != nil {
			return 0, err
		}
		o.rest, o.done = line, len(bytes.TrimSpace(line)) == 0
	}
	n := copy(p, o.rest)
	o.rest = o.rest[n:]
	return n, nil
}

func write(conn net.Conn, text string) { _, _ = io.WriteString(conn, text) }

func answerWith(body string) string {
	return "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// untilClosed waits until the other side has gone.
func untilClosed(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func want(t *testing.T, r outbox.Result, outcome outbox.Outcome, status int, text string) {
	t.Helper()
	if r.Outcome != outcome || r.HTTPStatus != status || r.Error != text {
		t.Errorf("\n got %s, status %d, %q\nwant %s, status %d, %q", r.Outcome, r.HTTPStatus, r.Error, outcome, status, text)
	}
	if r.Elapsed <= 0 {
		t.Errorf("elapsed %v", r.Elapsed)
	}
}
