package delivery_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/outbox"
)

// meeting is one hostile merchant, and what an attempt at it comes to.
type meeting struct {
	name    string
	temper  temper
	outcome outbox.Outcome
	status  int
	error   string // how it begins
	// Where other than over plain http with a short body:
	scheme string
	body   string
	wait   time.Duration // what it asked for
	stop   chan struct{} // ends a merchant that would not notice that we hung up
}

const (
	acknowledged = outbox.OutcomeAcknowledged
	answered     = outbox.OutcomeAnswered
	timeout      = outbox.OutcomeTimeout
	unreachable  = outbox.OutcomeUnreachable
)

// silences end by the deadline alone.
func silences() []meeting {
	stop := make(chan struct{})
	return []meeting{
		{name: "accepts and stays silent", temper: silent, outcome: timeout, error: "(phase: waiting for headers)"},
		{name: "silent in the handshake", temper: silent, scheme: "https", outcome: timeout, error: "(phase: TLS)"},
		{name: "half a status line", temper: stalls("HTTP/1.1 20"), outcome: timeout, error: "(phase: waiting for headers)"},
		{name: "headers that never end", temper: drips(ok + "X: "), outcome: timeout, error: "(phase: waiting for headers)"},
		{name: "headers, then nothing", temper: stalls(ok + "\r\n"), outcome: timeout, status: 200, error: "(phase: reading the body; status 200, 0 bytes came)"},
		{
			name: "half the answer, then silence", temper: stalls(ok + "Content-Length: 7\r\n\r\nsuc"),
			outcome: timeout, status: 200, error: "(phase: reading the body; status 200, 3 bytes came)",
		},
		{
			name: "a byte now and again", temper: drips(ok + "Content-Length: 100000\r\n\r\n"),
			outcome: timeout, status: 200, error: "(phase: reading the body; status 200, ",
		},
		{
			name: "half a chunk, then silence", temper: stalls(ok + "Transfer-Encoding: chunked\r\n\r\n7\r\nsuc"),
			outcome: timeout, status: 200, error: "(phase: reading the body; status 200, 3 bytes came)",
		},
		{
			name: "chunks without an end", temper: stalls(ok + "Transfer-Encoding: chunked\r\n\r\n7\r\nsuccess\r\n"),
			outcome: timeout, status: 200, error: "(phase: reading the body; status 200, 7 bytes came)",
		},
		{
			name: "never reads our request", temper: deaf(stop), stop: stop, body: strings.Repeat("x", 32<<20), // more than buffers take
			outcome: timeout, error: "(phase: sending the request)",
		},
	}
}

// noise is what ends by itself: bytes that are no answer, too many of them, or an
// answer that means nothing.
func noise() []meeting {
	const chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"
	const overCap = "status 200 with a body over the size cap of 16384 bytes, which never counts"
	return append([]meeting{
		{name: "10 GB without a length", temper: floods(ok+"\r\n", "x"), outcome: answered, status: 200, error: overCap},
		{name: "10 GB, announced", temper: floods(ok+"Content-Length: 10737418240\r\n\r\n", "x"), outcome: answered, status: 200, error: overCap},
		{name: "10 GB in one chunk", temper: floods(chunked+"280000000\r\n", "x"), outcome: answered, status: 200, error: overCap},
		{name: "chunks that never end", temper: floods(chunked, "1\r\nx\r\n"), outcome: answered, status: 200, error: overCap},
		{name: "a chunk's size that never ends", temper: floods(chunked, "0"), outcome: unreachable, status: 200, error: "the answer was cut short: "},
		{name: "a chunk's extensions that never end", temper: floods(chunked+"1", ";x"), outcome: unreachable, status: 200, error: "the answer was cut short: "},
		{name: "trailers that never end", temper: floods(chunked+"7\r\nsuccess\r\n0\r\n", "X: y\r\n"), outcome: unreachable, status: 200, error: "the answer was cut short: "},
		{name: "a gzip bomb", temper: says(bomb()), outcome: answered, status: 200, error: `status 200 with "\x1f\x8b\b\x00`},
		{name: "a million headers", temper: floods(ok, "X: y\r\n"), outcome: unreachable, error: "the answer has more than 128 header lines"},
		{name: "a header that never ends", temper: floods(ok+"X: ", "x"), outcome: unreachable, error: "server response headers exceeded 16384 bytes"},
		{name: "64 KB of headers", temper: floods(ok, "X: "+strings.Repeat("x", 1000)+"\r\n"), outcome: unreachable, error: "server response headers exceeded 16384 bytes"},
		{name: "a status line that never ends", temper: floods("HTTP/1.1 200 ", "x"), outcome: unreachable, error: "server response headers exceeded 16384 bytes"},
		{name: "1xx that never end", temper: floods("", "HTTP/1.1 102 Processing\r\nX: y\r\n\r\n"), outcome: unreachable, error: "server response headers exceeded 16384 bytes"},
		{name: "another 1xx", temper: floods("", "HTTP/1.1   199\r\nX: y\r\n\r\n"), outcome: unreachable, error: "server response headers exceeded 16384 bytes"},
		{name: "a million headers after 1xx", temper: floods("HTTP/1.1 100 C\r\n\r\nHTTP/1.1    103 \r\n\r\n"+ok, "a:\r\n"), outcome: unreachable, error: "the answer has more than 128 header lines"},
		{
			name: "redirects to the metadata service", temper: says("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest?secret\r\nContent-Length: 0\r\n\r\n"),
			outcome: answered, status: 302, error: `status 302 with an empty body, which is not "success"; redirects are not followed (to http://169.254.169.254/latest)`,
		},
		{
			name: "Retry-After of ten years", temper: says("HTTP/1.1 503 busy\r\nRetry-After: 315360000\r\nContent-Length: 0\r\n\r\n"),
			outcome: answered, status: 503, error: "status 503 with an empty body", wait: 365 * 24 * time.Hour,
		},
		{name: "success in a page", temper: says(answerWith("<html>success</html>")), outcome: answered, status: 200, error: `status 200 with "<html>success</html>" (20 bytes), which is not "success"`},
		{name: "success with a BOM", temper: says(answerWith("\ufeffsuccess")), outcome: acknowledged, status: 200},
		{name: "success on a line", temper: says(answerWith("success\r\n")), outcome: acknowledged, status: 200},
		{name: "success in another case", temper: says(answerWith("SuCCeSS")), outcome: acknowledged, status: 200},
		{name: "success with a 500", temper: says("HTTP/1.1 500 no\r\nContent-Length: 7\r\n\r\nsuccess"), outcome: answered, status: 500, error: "status 500"},
	}, noAnswers()...)
}

// noAnswers are bytes that HTTP does not know, or too few of them.
func noAnswers() []meeting {
	return []meeting{
		{name: "closed at once", temper: closesAtOnce, outcome: unreachable, error: "the connection was closed|connection reset by peer|broken pipe"},
		{name: "closed after the request", temper: says(""), outcome: unreachable, error: "the connection was closed"},
		{name: "reset at once", temper: resets(""), outcome: unreachable, error: "connection reset by peer"},
		{
			name: "reset in the body", temper: resets(ok + "Content-Length: 70000\r\n\r\n" + strings.Repeat("success", 1000)),
			outcome: unreachable, status: 200, error: "the answer was cut short: connection reset by peer (status 200, ",
		},
		{name: "cut short", temper: says(ok + "Content-Length: 8\r\n\r\nsuccess"), outcome: unreachable, status: 200, error: "the answer was cut short: the connection was closed (status 200, 7 bytes came)"},
		{name: "cut short at once", temper: says(ok + "Content-Length: 8\r\nRetry-After: 9\r\n\r\n"), outcome: unreachable, status: 200, error: "the answer was cut short: the connection was closed (status 200, 0 bytes came)"},
		{
			name: "a cut chunk", temper: says("HTTP/1.1 503 no\r\nRetry-After: 9\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nsuccess\r\n"),
			outcome: unreachable, status: 503, error: "the answer was cut short: the connection was closed (status 503, 7 bytes came)",
		},
		{name: "a bad chunk", temper: says(ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), outcome: unreachable, status: 200, error: "the answer was cut short: invalid byte in chunk length (status 200, 0 bytes came)"},
		{name: "half a header", temper: says(ok + "Content-Le"), outcome: unreachable, error: `malformed MIME header: missing colon: "Content-Le"`},
		{name: "garbage", temper: says("SSH-2.0-OpenSSH_9\r\n\r\n"), outcome: unreachable, error: `malformed HTTP response "SSH-2.0-OpenSSH_9"`},
		{name: "a bad status", temper: says("HTTP/1.1 abc OK\r\n\r\n"), outcome: unreachable, error: `malformed HTTP status code "abc"`},
		{name: "HTTP/0.9", temper: says("success\n"), outcome: unreachable, error: `malformed HTTP response "success"`},
		{name: "the preface of HTTP/2", temper: says("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), outcome: unreachable, error: `malformed HTTP status code "*"`},
		{name: "a frame of HTTP/2", temper: says("\x00\x00\x00\x04\x00\x00\x00\x00\x00"), outcome: unreachable, error: `malformed HTTP response "\x00\x00\x00\x04\x00\x00\x00\x00\x00"`},
		{name: "a negative length", temper: says(ok + "Content-Length: -1\r\n\r\nsuccess"), outcome: unreachable, error: `bad Content-Length "-1"`},
		{name: "two lengths", temper: says(ok + "Content-Length: 7\r\nContent-Length: 8\r\n\r\nsuccess"), outcome: unreachable, error: "http: message cannot contain multiple Content-Length headers"},
		{name: "a huge length", temper: says(ok + "Content-Length: 99999999999999999999\r\n\r\nsuccess"), outcome: unreachable, error: `bad Content-Length "99999999999999999999"`},
		{name: "a greeting", temper: speaksFirst("220 mail.example ESMTP\r\n"), outcome: unreachable, error: "the server spoke before it was asked|malformed HTTP status code \"mail.example\""},
	}
}

// badCertificates fail in the handshake. Only who is trusted.
func badCertificates(t *testing.T, who *identity) []meeting {
	t.Helper()
	serve := func(i *identity, change func(*tls.Config)) temper {
		config := &tls.Config{Certificates: []tls.Certificate{i.pair}, MinVersion: tls.VersionTLS12}
		if change != nil {
			change(config)
		}
		return overTLS(config, says(answerWith("success")))
	}
	signed := func(change func(*x509.Certificate)) temper { return serve(newIdentity(t, who, change), nil) }
	day := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.DateOnly) }
	const days = 24 * time.Hour
	long := *who
	for range 90 {
		long.pair.Certificate = append(long.pair.Certificate, who.pair.Certificate[0])
	}
	all := []meeting{
		{name: "expired", temper: signed(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(-9*days), time.Now().Add(-3*days) }), error: "TLS: certificate expired on " + day(-3*days)},
		{name: "of the future", temper: signed(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(3*days), time.Now().Add(9*days) }), error: "TLS: certificate is not valid before " + day(3*days)},
		{
			name: "of another", error: "TLS: certificate is not for 127.0.0.1 but for shop.example, other.example, 10.0.0.1",
			temper: signed(func(c *x509.Certificate) {
				c.DNSNames, c.IPAddresses = append(c.DNSNames, "other.example"), []net.IP{net.IPv4(10, 0, 0, 1)}
			}),
		},
		{name: "signed by itself", temper: serve(newIdentity(t, nil, nil), nil), error: "TLS: certificate signed by an unknown authority"},
		{name: "of an unknown authority", temper: serve(newIdentity(t, newIdentity(t, nil, nil), nil), nil), error: "TLS: certificate signed by an unknown authority"},
		{name: "TLS 1.1 alone", temper: serve(who, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }), error: "TLS: remote error: tls: protocol version not supported"},
		{name: "a chain that never ends", temper: serve(&long, nil), error: "TLS: the server's part is over 16 KB"},
		{name: "no TLS", temper: speaksFirst("220 mail.example ESMTP\r\n"), error: "TLS: the server does not speak TLS"},
		{name: "closed in the handshake", temper: closesAtOnce, error: "TLS: the connection was closed during the handshake|TLS: connection reset by peer|TLS: broken pipe"},
	}
	for i := range all {
		all[i].scheme, all[i].outcome = "https", unreachable
	}
	return append(all, meeting{name: "a good one", temper: signed(nil), scheme: "https", outcome: acknowledged, status: http.StatusOK})
}

// Names that fail, are slow or change are in names_test.go and failure_test.go;
// connections that are closed when they are used again, in once_test.go.

// TestHostileMerchants meets each of them, and after it another merchant with the
// same courier, which must not notice.
func TestHostileMerchants(t *testing.T) {
	t.Parallel()
	who := newIdentity(t, nil, nil)
	good, _ := answering(t, answerWith("success"))
	for group, meetings := range map[string][]meeting{
		"silences": silences(), "noise": noise(), "certificates": badCertificates(t, who),
	} {
		for _, m := range meetings {
			t.Run(group+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				courier := newCourier(t, func(o *delivery.Options) { o.RootCAs = pool(who) })
				m.meet(t, courier)
				want(t, courier.Deliver(t.Context(), claimFor(good.url)), acknowledged, 200, "")
			})
		}
	}
}

func (m meeting) meet(t *testing.T, courier *delivery.Courier) {
	t.Helper()
	server := listenRaw(t, func(conn net.Conn, _ func() bool) { m.temper(conn, func() {}) })
	claim := claimFor(server.url)
	if m.scheme != "" {
		claim.URL = strings.Replace(claim.URL, "http:", m.scheme+":", 1)
	}
	if m.body != "" {
		claim.Body = m.body
	}
	if m.outcome == timeout {
		claim.Policy.Timeout = short
	}
	r := courier.Deliver(t.Context(), claim)
	if m.stop != nil {
		close(m.stop)
	}
	if r.Outcome != m.outcome || r.HTTPStatus != m.status || !m.says(r.Error) || r.RetryAfter != m.wait || !r.Connected || r.Ours {
		t.Errorf("\n got %+v\nwant %s, status %d, %q, to wait %v", r, m.outcome, m.status, m.error, m.wait)
	}
	if m.outcome != timeout {
		return
	}
	if r.Elapsed < short {
		t.Errorf("the deadline passed after %v", r.Elapsed)
	}
	t.Logf("ended %v after its deadline", (r.Elapsed - short).Round(100*time.Microsecond))
}

// says compares an error: one of several beginnings, or what follows the deadline.
func (m meeting) says(text string) bool {
	if m.error == "" {
		return text == ""
	}
	for beginning := range strings.SplitSeq(m.error, "|") {
		if m.outcome == timeout {
			beginning = fmt.Sprintf("no answer within %s %s", short, beginning)
		}
		if strings.HasPrefix(text, beginning) {
			return true
		}
	}
	return false
}
