package delivery_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/outbox"
)

// rulesOfTheFuzz look at an answer in every way that a rule can.
var rulesOfTheFuzz = []string{
	standard,
	`status == 200 && body == "success"`,
	`status in [200, 204]`,
	`json("a.0.b") == 1 || json("") == nil && header("X-A") contains "ok"`,
	`int(body) == 1`,
	`float(header("X-A")) > 1 || body matches "^s.*s$"`,
	`json("a") > 1`,
}

// TestAnswersInErrors wants the words for an answer to be safe where the rule
// fails on it, too: expr repeats in its error what it could not convert.
func TestAnswersInErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rule, body, error string }{
		{"int(body) == 1", "a\x00b\xff", `status 200 with "a\x00b\xff" (4 bytes); the rule cannot be evaluated: invalid operation: int(a\x00b\xFF) (column 1)`},
		{"float(body) == 1", "\x1b[31m", `status 200 with "\x1b[31m" (5 bytes); the rule cannot be evaluated: invalid operation: float(\x1B[31m) (column 1)`},
	} {
		server, _ := answering(t, answerWith(c.body))
		claim := claimFor(server.url)
		claim.Policy.Acknowledge = c.rule
		want(t, newCourier(t, nil).Deliver(t.Context(), claim), outbox.OutcomeAnswered, 200, c.error)
	}
}

// TestStatusesThatAreNone come over the wire as three bytes that Go's reader takes
// for a number.
func TestStatusesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"000", "001", "099", "+12", "-12", "1e2", "0x1"} {
		server, _ := answering(t, "HTTP/1.1 "+status+" OK\r\nContent-Length: 7\r\n\r\nsuccess")
		claim := claimFor(server.url)
		claim.Policy.Acknowledge = "true"
		r := newCourier(t, nil).Deliver(t.Context(), claim)
		if r.Outcome != outbox.OutcomeUnreachable || r.HTTPStatus != 0 || !strings.Contains(r.Error, "malformed HTTP status code") {
			t.Errorf("%s: %+v", status, r)
		}
	}
}

// FuzzAnswers lets a server send any bytes. Whatever they are, there is one
// request and one outcome, and what is recorded fits a text column.
func FuzzAnswers(f *testing.F) {
	for i, seed := range []string{
		answerWith("success"), answerWith("\ufeffSUCCESS\n"), answerWith(""), answerWith("a\x00\xff"), answerWith(`{"a":[{"b":1}]}`),
		"", "\r\n", "success", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\n\r\nsuccess", "HTTP/9.9 200 OK\r\n\r\n", "HTTP/1.1 000 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsuccess", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nsuccess\r\n0\r\n\r\n",
		"HTTP/1.1 302 F\r\nLocation: //u:p@h/\x7f?q\r\n\r\n", "HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\nx", "HTTP/1.1 100 C\r\n\r\n" + answerWith("success"),
		"HTTP/1.1 503 B\r\nRetry-After: 99999999999999999999\r\n\r\n", "HTTP/1.1 410 G\r\nX-A: \xff\r\nContent-Length: 0\r\n\r\n",
		answerWith(strings.Repeat("x", 300)),
	} {
		f.Add([]byte(seed), i)
	}
	courier := newCourier(f, func(o *delivery.Options) { o.MaxAnswer = 200 })
	f.Fuzz(func(t *testing.T, raw []byte, which int) {
		var requests atomic.Int32
		server := listenRaw(t, func(conn net.Conn, next func() bool) {
			if !next() {
				return
			}
			requests.Add(1)
			_, _ = conn.Write(raw)
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.CloseWrite() // no reset overtakes the bytes
			}
			untilClosed(conn)
		})
		claim := claimFor(server.url)
		claim.Policy.Acknowledge = rulesOfTheFuzz[uint(which)%uint(len(rulesOfTheFuzz))]
		claim.Policy.Reject = "status == 410"
		r := courier.Deliver(t.Context(), claim)
		if n := requests.Load(); n != 1 {
			t.Errorf("%d requests", n)
		}
		checkResult(t, r)
		if r.Outcome == outbox.OutcomeAcknowledged && claim.Policy.Acknowledge == standard {
			checkAcknowledged(t, raw)
		}
	})
}

func checkResult(t *testing.T, r outbox.Result) {
	t.Helper()
	possible := []outbox.Outcome{outbox.OutcomeAcknowledged, outbox.OutcomeAnswered, outbox.OutcomeRejected, outbox.OutcomeUnreachable}
	if !slices.Contains(possible, r.Outcome) || r.Elapsed <= 0 {
		t.Errorf("got %+v", r)
	}
	if (r.Error == "") != (r.Outcome == outbox.OutcomeAcknowledged) || strings.ContainsAny(r.Error, "\r\n") || len(r.Error) > 2000 {
		t.Errorf("%s with the error %q", r.Outcome, r.Error)
	}
	if r.HTTPStatus != 0 && (r.HTTPStatus < 100 || r.HTTPStatus > 999) || r.HTTPStatus == 0 && r.Outcome != outbox.OutcomeUnreachable {
		t.Errorf("%s with status %d", r.Outcome, r.HTTPStatus)
	}
	if r.RetryAfter < 0 || r.RetryAfter > 366*24*time.Hour || len(r.Excerpt) > 4*512 {
		t.Errorf("retry after %v, excerpt of %d bytes", r.RetryAfter, len(r.Excerpt))
	}
	for _, text := range []string{r.Error, r.Excerpt} {
		unsafe := func(c rune) bool { return unicode.IsControl(c) && !strings.ContainsRune("\r\n\t", c) }
		if !utf8.ValidString(text) || strings.ContainsFunc(text, unsafe) {
			t.Errorf("unsafe: %q", text)
		}
	}
}

// checkAcknowledged reads the bytes again, with another reader than the courier's.
func checkAcknowledged(t *testing.T, raw []byte) {
	t.Helper()
	in := bufio.NewReader(strings.NewReader(string(raw)))
	for {
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("acknowledged, but unreadable: %v", err)
		}
		if answer.StatusCode >= 100 && answer.StatusCode <= 199 {
			continue
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		text := strings.ToLower(strings.Trim(string(body), " \t\r\n\v\f\u0085\u00a0\ufeff\u2028\u2029\u3000"))
		if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(text, "success") || len(body) > 200 {
			t.Fatalf("acknowledged: status %d, body %q, %v", answer.StatusCode, body, err)
		}
		return
	}
}
