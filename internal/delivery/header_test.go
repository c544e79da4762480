package delivery_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/outbox"
)

// sent delivers a claim and returns what the merchant received.
func sent(t *testing.T, c *delivery.Courier, m *merchanttest.Merchant, change func(*outbox.Claim)) merchanttest.Request {
	t.Helper()
	before := len(m.Requests())
	claim := claimFor(m.URL + "/n")
	change(claim)
	want(t, c.Deliver(t.Context(), claim), outbox.OutcomeAcknowledged, 200, "")
	return m.Wait(t.Context(), before+1)[before]
}

func TestEndpointsHeaders(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	got := sent(t, newCourier(t, nil), m, func(c *outbox.Claim) {
		c.Headers = map[string]string{
			"x-shop": "支付", "Authorization": "Bearer t", "Idempotency-Key": "k", "Content-Type": "text/x",
			"orderbell-attempt": "9", "Orderbell-Probe": "1", "Orderbell-Other": "x", "host": "evil", "user-agent": "evil",
			"Content-Length": "3", "TRANSFER-ENCODING": "chunked", "Connection": "close", "Keep-Alive": "x", "Upgrade": "h2c",
			"TE": "trailers", "Trailer": "X", "Expect": "100-continue", "Proxy-Connection": "x", "Proxy-Authorization": "x",
		}
	})
	if "http://"+got.Host != m.URL {
		t.Errorf("host %q", got.Host)
	}
	wantHeader := http.Header{
		"X-Shop": {"支付"}, "Authorization": {"Bearer t"}, "Idempotency-Key": {"k"}, "Content-Type": {"text/x"},
		"User-Agent": {"orderbell/1.2.3"}, "Content-Length": {"17"}, "Orderbell-Attempt": {"2"},
		"Orderbell-Event": {"trade.success"}, "Orderbell-Notification-Id": {"018f0000-0000-0000-0000-00000000002a"},
	}
	if diff := cmp.Diff(wantHeader, got.Header); diff != "" {
		t.Error(diff)
	}
}

func TestContentType(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	courier := newCourier(t, nil)
	for _, c := range []struct{ format, row, header, want string }{
		{"body", "", "", "application/json"},
		{"form", "", "", "application/x-www-form-urlencoded; charset=utf-8"},
		{"query", "", "", ""},
		{"body", "text/xml", "", "text/xml"},
		{"body", "", "text/x", "text/x"},
		{"body", "text/xml", "text/x", "text/xml"},
		{"query", "text/xml", "", "text/xml"},
	} {
		got := sent(t, courier, m, func(cl *outbox.Claim) {
			cl.Policy.Format, cl.ContentType = c.format, c.row
			if c.header != "" {
				cl.Headers = map[string]string{"content-type": c.header}
			}
		}).Header.Get("Content-Type")
		if got != c.want {
			t.Errorf("%+v: got %q", c, got)
		}
	}
}

func TestEveryEventFitsAHeader(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	courier := newCourier(t, nil)
	for event, want := range map[string]string{
		"trade.success": "trade.success", "": "", "支付": "%E6%94%AF%E4%BB%98", "a\r\nX: y\x00": "a%0D%0AX:%20y%00",
		" 100% ": "%20100%25%20", "\xff\x7f": "%FF%7F",
	} {
		got := sent(t, courier, m, func(c *outbox.Claim) { c.Event = event }).Event
		back, err := url.PathUnescape(got)
		if got != want || err != nil || back != event {
			t.Errorf("%q was sent as %q, read as %q, %v", event, got, back, err)
		}
	}
}

func TestUserInfoBecomesAHeader(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	courier := newCourier(t, nil)
	withUser := func(c *outbox.Claim) {
		u, err := url.Parse(c.URL)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword("me", "s:cret")
		c.URL = u.String()
	}
	got := sent(t, courier, m, withUser)
	if h := got.Header.Get("Authorization"); h != "Basic bWU6czpjcmV0" || got.URL != "/n" {
		t.Errorf("got %q for %s", h, got.URL)
	}
	got = sent(t, courier, m, func(c *outbox.Claim) {
		withUser(c)
		c.Headers = map[string]string{"authorization": "Bearer t"}
	})
	if h := got.Header.Get("Authorization"); h != "Bearer t" {
		t.Errorf("got %q", h)
	}
}

func TestQueryKeepsTheURLsOwn(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	courier := newCourier(t, nil)
	for own, want := range map[string]string{
		"":           "/n?out_trade_no=42&total_fee=424.42",
		"?":          "/n?out_trade_no=42&total_fee=424.42",
		"?is=T&":     "/n?is=T&out_trade_no=42&total_fee=424.42",
		"?x=%7e+;=#": "/n?x=%7e+;=&out_trade_no=42&total_fee=424.42",
	} {
		got := sent(t, courier, m, func(c *outbox.Claim) {
			c.URL += own
			c.Policy.Format, c.Body = "query", `{"out_trade_no":"42","none":null,"total_fee":424.42}`
		})
		if got.URL != want || got.Body != "" || got.OrderNo != "42" {
			t.Errorf("%s: got %s, body %q", own, got.URL, got.Body)
		}
	}
}
