package delivery_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/outbox"
)

// answering is a server that answers every request with the same bytes.
func answering(t *testing.T, text string) (server *rawServer, connections func() int) {
	t.Helper()
	opened := make(chan struct{}, 100)
	server = listenRaw(t, func(conn net.Conn, next func() bool) {
		opened <- struct{}{}
		for next() {
			write(conn, text)
		}
	})
	return server, func() int { return len(opened) }
}

func TestPathsOnTheWire(t *testing.T) {
	t.Parallel()
	server, _ := answering(t, answerWith("success"))
	courier := newCourier(t, nil)
	var lines []string
	paths := [][2]string{
		{"", "/"},
		{"/", "/"},
		{"//n//", "//n//"},
		{"/a/../b/./c", "/a/../b/./c"},
		{"/a%2fb", "/a%2fb"},
		{"/a%2Fb c", "/a%2Fb%20c"},
		{"/支付%2f1", "/%E6%94%AF%E4%BB%98%2f1"},
		{"/{id}%2f<1>", "/%7Bid%7D%2f%3C1%3E"},
		{"/%E6%94%AF?x=支", "/%E6%94%AF?x=%E6%94%AF"},
		{"/a;b=c,d@e:f!g'(h)*$&+=[i]", "/a;b=c,d@e:f!g'(h)*$&+=[i]"},
		{"/n?x=%zz&y=\"{}|\\^`", "/n?x=%zz&y=\"{}|\\^`"},
		{"/n#fragment", "/n"},
		{"?x#f", "/?x"},
	}
	for _, p := range paths {
		want(t, courier.Deliver(t.Context(), claimFor(server.url+p[0])), outbox.OutcomeAcknowledged, 200, "")
	}
	for _, request := range server.received() {
		line, _, _ := strings.Cut(request, "\r\n")
		lines = append(lines, strings.TrimSuffix(strings.TrimPrefix(line, "POST "), " HTTP/1.1"))
	}
	wanted := make([]string, len(paths))
	for i, p := range paths {
		wanted[i] = p[1]
	}
	if diff := cmp.Diff(wanted, lines); diff != "" {
		t.Error(diff)
	}
}

// TestConnectionReuse counts connections of two deliveries. A connection is kept
// where the answer came to its end under the cap, and never where it did not.
func TestConnectionReuse(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		name, answer string
		connections  int
		outcome      outbox.Outcome
	}{
		{"acknowledged", answerWith("success"), 1, outbox.OutcomeAcknowledged},
		{"no body", ok + "Content-Length: 0\r\n\r\n", 1, outbox.OutcomeAnswered},
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", 1, outbox.OutcomeAnswered},
		{"304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 1, outbox.OutcomeAnswered},
		{"chunks", ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nsuc\r\n4\r\ncess\r\n0\r\n\r\n", 1, outbox.OutcomeAcknowledged},
		{"chunks with a trailer", ok + "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n7\r\nsuccess\r\n0\r\nX: y\r\n\r\n", 1, outbox.OutcomeAcknowledged},
		{"one byte under the cap", answerWith(strings.Repeat("x", 999)), 1, outbox.OutcomeAnswered},
		{"at the cap", answerWith(strings.Repeat("x", 1000)), 1, outbox.OutcomeAnswered},
		{"chunks at the cap", ok + "Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + strings.Repeat("x", 1000) + "\r\n0\r\n\r\n", 1, outbox.OutcomeAnswered},
		{"over the cap", answerWith(strings.Repeat("x", 1002)), 2, outbox.OutcomeAnswered},
		{"an error of the server's", "HTTP/1.1 500 no\r\nContent-Length: 2\r\n\r\nno", 1, outbox.OutcomeAnswered},
		{"close", ok + "Connection: close\r\nContent-Length: 7\r\n\r\nsuccess", 2, outbox.OutcomeAcknowledged},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\nsuccess", 2, outbox.OutcomeAcknowledged},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, connections := answering(t, c.answer)
			courier := newCourier(t, func(o *delivery.Options) { o.MaxAnswer = 1000 })
			for range 2 {
				if r := courier.Deliver(t.Context(), claimFor(server.url)); r.Outcome != c.outcome {
					t.Errorf("got %+v", r)
				}
			}
			if n := connections(); n != c.connections || len(server.received()) != 2 {
				t.Errorf("%d requests took %d connections, want %d", len(server.received()), n, c.connections)
			}
		})
	}
}

func TestAnswersCap(t *testing.T) {
	t.Parallel()
	const size = 16 << 10 // by default
	chunked := func(n int) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n" +
			strings.Repeat("a\r\nxxxxxxxxxx\r\n", (n-1)/10) + strings.Repeat("1\r\nx\r\n", (n-1)%10) + "0\r\n\r\n"
	}
	untilTheEnd := func(n int) string { return "HTTP/1.0 200 OK\r\n\r\n" + strings.Repeat("x", n) }
	for _, c := range []struct {
		name, answer string
		over         bool
	}{
		{"at the cap", answerWith(strings.Repeat("x", size)), false},
		{"one over", answerWith(strings.Repeat("x", size+1)), true},
		{"chunks at the cap", chunked(size), false},
		{"chunks, one over", chunked(size + 1), true},
		{"until the end, at the cap", untilTheEnd(size), false},
		{"until the end, one over", untilTheEnd(size + 1), true},
		{"far over, then cut short", "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n" + strings.Repeat("x", size+1), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := listenRaw(t, func(conn net.Conn, next func() bool) {
				if next() {
					write(conn, c.answer)
				}
			})
			claim := claimFor(server.url)
			claim.Policy.Acknowledge = `status == 200 && len(body) > 0`
			r := newCourier(t, nil).Deliver(t.Context(), claim)
			if c.over {
				want(t, r, outbox.OutcomeAnswered, 200, "status 200 with a body over the size cap of 16384 bytes, which never counts")
			} else {
				want(t, r, outbox.OutcomeAcknowledged, 200, "")
			}
			if r.Excerpt != strings.Repeat("x", 512) {
				t.Errorf("excerpt of %d bytes", len(r.Excerpt))
			}
		})
	}
}

// A body over the cap counts for no rule, a reject rule included, and its
// Retry-After is heard all the same.
func TestOverTheCapNothingCounts(t *testing.T) {
	t.Parallel()
	server, _ := answering(t, "HTTP/1.1 503 busy\r\nRetry-After: 9\r\nContent-Length: 11\r\n\r\nsuccess !!!")
	claim := claimFor(server.url)
	claim.Policy.Acknowledge, claim.Policy.Reject = "true", "true"
	r := newCourier(t, func(o *delivery.Options) { o.MaxAnswer = 10 }).Deliver(t.Context(), claim)
	want(t, r, outbox.OutcomeAnswered, 503, "status 503 with a body over the size cap of 10 bytes, which never counts")
	if r.RetryAfter.Seconds() != 9 {
		t.Errorf("retry after %v", r.RetryAfter)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// Answers that only inform are skipped, in any number that the cap on headers takes.
func TestFloodsOfInformationalAnswers(t *testing.T) {
	t.Parallel()
	const info = "HTTP/1.1 102 Processing\r\nX: y\r\n\r\n"
	many, _ := answering(t, strings.Repeat(info, 400)+answerWith("success"))
	want(t, newCourier(t, nil).Deliver(t.Context(), claimFor(many.url)), outbox.OutcomeAcknowledged, 200, "")
}

// An early answer is judged though the endpoint never read the whole request.
func TestAnswerBeforeTheRequestIsSent(t *testing.T) {
	t.Parallel()
	server := listenRaw(t, func(conn net.Conn, _ func() bool) {
		_, _ = io.ReadFull(conn, make([]byte, 1))
		write(conn, "HTTP/1.1 413 too large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge")
		untilClosed(conn)
	})
	claim := claimFor(server.url)
	claim.Body = strings.Repeat("x", 8<<20)
	r := newCourier(t, nil).Deliver(t.Context(), claim)
	want(t, r, outbox.OutcomeAnswered, 413, `status 413 with "large" (5 bytes), which is not "success"`)
}
