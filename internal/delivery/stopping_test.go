package delivery_test

import (
	"context"
	"io"
	"net"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/outbox"
)

// TestStoppingInEachPhase stops the worker when a phase has been reached, as the
// other side or the caller's own trace sees it.
func TestStoppingInEachPhase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		phase  string // as the error begins to name it
		status int
		begin  func(t *testing.T, stop func()) (claim *outbox.Claim, resolver *net.Resolver, trace *httptrace.ClientTrace)
	}{
		{"DNS", 0, func(t *testing.T, stop func()) (*outbox.Claim, *net.Resolver, *httptrace.ClientTrace) {
			t.Helper()
			deaf, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { deaf.Close() })
			go func() {
				_, _, _ = deaf.ReadFrom(make([]byte, 1500))
				stop()
			}()
			return claimFor("http://shop.example"), resolverAt(t, deaf.LocalAddr().String()), nil
		}},
		{"connecting", 0, func(t *testing.T, stop func()) (*outbox.Claim, *net.Resolver, *httptrace.ClientTrace) {
			t.Helper()
			return claimFor("http://" + fullBacklog(t)), nil, &httptrace.ClientTrace{ConnectStart: func(string, string) { stop() }}
		}},
		{"TLS", 0, func(t *testing.T, stop func()) (*outbox.Claim, *net.Resolver, *httptrace.ClientTrace) {
			t.Helper()
			server := listenRaw(t, func(conn net.Conn, _ func() bool) {
				_, _ = io.ReadFull(conn, make([]byte, 1)) // of the greeting
				stop()
				untilClosed(conn)
			})
			return claimFor(strings.Replace(server.url, "http:", "https:", 1)), nil, nil
		}},
		{"sending the request", 0, func(t *testing.T, stop func()) (*outbox.Claim, *net.Resolver, *httptrace.ClientTrace) {
			t.Helper()
			ended := make(chan struct{})
			server := listenRaw(t, func(conn net.Conn, _ func() bool) {
				_, _ = io.ReadFull(conn, make([]byte, 1))
				stop()
				<-ended
			})
			t.Cleanup(func() { close(ended) })
			claim := claimFor(server.url)
			claim.Body = strings.Repeat("x", 32<<20) // more than the socket's buffers take
			return claim, nil, nil
		}},
		{"waiting for headers", 0, func(t *testing.T, stop func()) (*outbox.Claim, *net.Resolver, *httptrace.ClientTrace) {
			t.Helper()
			server := listenRaw(t, func(conn net.Conn, _ func() bool) { untilClosed(conn) })
			return claimFor(server.url), nil, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { stop() }}
		}},
		{"reading the body; status 200, ", 200, func(t *testing.T, stop func()) (*outbox.Claim, *net.Resolver, *httptrace.ClientTrace) {
			t.Helper()
			server := listenRaw(t, func(conn net.Conn, next func() bool) {
				next()
				write(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
				// More than the buffers take, so the courier is reading when it is written.
				_, _ = io.CopyN(conn, endless{}, 32<<20)
				stop()
				untilClosed(conn)
			})
			return claimFor(server.url), nil, nil
		}},
	} {
		t.Run(c.phase, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			claim, resolver, trace := c.begin(t, stop)
			if trace != nil {
				ctx = httptrace.WithClientTrace(ctx, trace)
			}
			courier := newCourier(t, func(o *delivery.Options) { o.Resolver, o.MaxAnswer = resolver, 1<<30 })
			r := courier.Deliver(ctx, claim)
			if r.Outcome != outbox.OutcomeInterrupted || r.HTTPStatus != c.status ||
				!strings.HasPrefix(r.Error, "the worker was stopping (phase: "+c.phase) {
				t.Errorf("got %s, status %d, %q", r.Outcome, r.HTTPStatus, r.Error)
			}
		})
	}
}

// An answer that is there already is judged, though the worker stops meanwhile.
func TestStoppingAfterTheAnswer(t *testing.T) {
	t.Parallel()
	server, _ := answering(t, answerWith("success"))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	courier := newCourier(t, nil)
	want(t, courier.Deliver(ctx, claimFor(server.url)), outbox.OutcomeAcknowledged, 200, "")
	stop()
	want(t, courier.Deliver(t.Context(), claimFor(server.url)), outbox.OutcomeAcknowledged, 200, "") // on the connection of before
}

// A dial ends with the delivery that it was begun for, not with the transport.
func TestDialsEndWithTheirDelivery(t *testing.T) {
	t.Parallel()
	hungUp := make(chan struct{})
	silent := listenRaw(t, func(conn net.Conn, _ func() bool) {
		untilClosed(conn)
		close(hungUp)
	})
	claim := claimFor(strings.Replace(silent.url, "http:", "https:", 1))
	claim.Policy.Timeout = short
	want(t, newCourier(t, nil).Deliver(t.Context(), claim), outbox.OutcomeTimeout, 0, "no answer within 300ms (phase: TLS)")
	select {
	case <-hungUp:
	case <-time.After(10 * time.Second):
		t.Error("the half-open connection stays")
	}
}

// watched is a context that counts who waits for its end. It hides what it is made
// of, which they would otherwise turn to.
type watched struct {
	context.Context //nolint:containedctx // it is one
	waiting         atomic.Int32
}

func (*watched) Value(any) any { return nil }

func (w *watched) AfterFunc(f func()) func() bool {
	w.waiting.Add(1)
	stop := context.AfterFunc(w.Context, f)
	return func() bool {
		w.waiting.Add(-1)
		return stop()
	}
}

// A delivery leaves nothing at the context that it was given: no timer, no child.
func TestDeliveriesLetGoOfTheirContext(t *testing.T) {
	t.Parallel()
	server, _ := answering(t, answerWith("success"))
	ctx := &watched{Context: t.Context()}
	courier := newCourier(t, nil)
	for _, url := range []string{server.url, "ftp://shop.example", "http://127.0.0.1:1"} {
		courier.Deliver(ctx, claimFor(url))
	}
	if n := ctx.waiting.Load(); n != 0 {
		t.Errorf("%d deliveries are still waiting for the worker to stop", n)
	}
}
