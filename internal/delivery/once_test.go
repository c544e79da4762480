package delivery_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

// closesReused answers the first request of its first connection, takes the
// second one and closes. Later connections are answered.
func closesReused(t *testing.T) *rawServer {
	t.Helper()
	first := make(chan struct{}, 1)
	first <- struct{}{}
	return listenRaw(t, func(conn net.Conn, next func() bool) {
		limit := -1
		select {
		case <-first:
			limit = 1
		default:
		}
		for i := 0; next(); i++ {
			if i == limit {
				return
			}
			write(conn, answerWith("success"))
		}
	})
}

func TestOneRequestPerDelivery(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "POST"} {
		for _, c := range []struct{ format, body string }{
			{"body", "hello"}, {"body", ""}, {"form", "{}"}, {"query", `{"a":1}`}, {"query", `{}`},
		} {
			t.Run(fmt.Sprintf("%s %s %q", method, c.format, c.body), func(t *testing.T) {
				t.Parallel()
				server := closesReused(t)
				courier := newCourier(t, nil)
				claim := claimFor(server.url + "/notify")
				claim.Body = c.body
				claim.Headers = map[string]string{"Idempotency-Key": "k", "X-Idempotency-Key": "k"}
				claim.Policy.Method, claim.Policy.Format = method, c.format
				want(t, courier.Deliver(t.Context(), claim), outbox.OutcomeAcknowledged, 200, "")
				want(t, courier.Deliver(t.Context(), claim), outbox.OutcomeUnreachable, 0, "the connection was closed")
				if got := server.received(); len(got) != 2 {
					t.Errorf("2 deliveries made %d requests:\n%s", len(got), strings.Join(got, "\n"))
				}
			})
		}
	}
}

// TestGoSendsTwice shows that the server above provokes what must not happen:
// without the courier's bodies Go sends a request again by itself.
func TestGoSendsTwice(t *testing.T) {
	t.Parallel()
	server := closesReused(t)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for range 2 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		var body [7]byte
		for n := 0; n < len(body); {
			k, err := answer.Body.Read(body[n:])
			if n += k; err != nil {
				break
			}
		}
		answer.Body.Close()
	}
	if got := len(server.received()); got != 3 {
		t.Errorf("Go made %d requests of 2: the test above proves nothing any more", got)
	}
}

func TestBytesOnTheWire(t *testing.T) {
	t.Parallel()
	const ours = "User-Agent: orderbell/1.2.3\r\n%sOrderbell-Attempt: 2\r\nOrderbell-Event: trade.success\r\n" +
		"Orderbell-Notification-Id: 018f0000-0000-0000-0000-00000000002a\r\n"
	const json = "Content-Type: application/json\r\n"
	const form = "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
	for _, c := range []struct {
		method, format, body string
		line, before, after  string // the request line, and lines before and after ours
		sent                 string
	}{
		{"POST", "body", "hi", "POST /n?x=1", "Content-Length: 2\r\n", json, "hi"},
		{"POST", "body", "", "POST /n?x=1", "", json, ""},
		{"POST", "form", `{"a":1}`, "POST /n?x=1", "Content-Length: 3\r\n", form, "a=1"},
		{"POST", "query", `{"a":1}`, "POST /n?x=1&a=1", "", "", ""},
		{"GET", "query", `{"a":1}`, "GET /n?x=1&a=1", "", "", ""},
		{"GET", "body", "", "GET /n?x=1", "", json, ""},
		{"GET", "body", "hi", "GET /n?x=1", "Content-Length: 2\r\n", json, "hi"},
	} {
		server := listenRaw(t, func(conn net.Conn, next func() bool) {
			for next() {
				write(conn, answerWith("success"))
			}
		})
		claim := claimFor(server.url + "/n?x=1")
		claim.Policy.Method, claim.Policy.Format, claim.Body = c.method, c.format, c.body
		want(t, newCourier(t, nil).Deliver(t.Context(), claim), outbox.OutcomeAcknowledged, 200, "")
		text := c.line + " HTTP/1.1\r\nHost: " + strings.TrimPrefix(server.url, "http://") + "\r\n" +
			fmt.Sprintf(ours, c.before+c.after)
		if c.method == "POST" && c.sent == "" {
			text += "content-length: 0\r\n"
		}
		text += "\r\n" + c.sent
		if diff := cmp.Diff([]string{text}, server.received()); diff != "" {
			t.Errorf("%s %s: %s", c.method, c.format, diff)
		}
	}
}

func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	connections := make(chan struct{}, 10)
	server := listenRaw(t, func(conn net.Conn, next func() bool) {
		connections <- struct{}{}
		for next() {
			write(conn, answerWith("no "+strings.Repeat(".", 3000)))
		}
	})
	courier := newCourier(t, nil)
	for range 3 {
		courier.Deliver(t.Context(), claimFor(server.url))
	}
	if len(connections) != 1 || len(server.received()) != 3 {
		t.Errorf("%d requests took %d connections", len(server.received()), len(connections))
	}
}
