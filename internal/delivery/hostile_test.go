package delivery_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

// Names that differ from ours only in case or with other letters around them.
func TestHeadersOfOursCannotBeSet(t *testing.T) {
	t.Parallel()
	server, _ := answering(t, answerWith("success"))
	claim := claimFor(server.url)
	claim.Headers = map[string]string{
		"ORDERBELL-NOTIFICATION-ID": "x", "orderbell-event": "x", "OrderBell-Attempt": "x", "Orderbell-": "x", "orderbell-signature": "x",
		"hOST": "x", "usER-agent": "x", "CONTENT-length": "0", "transfer-Encoding": "chunked", "eXPECT": "100-continue",
		"X-Orderbell-Event": "mine", "Orderbells": "mine", "Cookie": "a=b", "X-Empty": "", "X-Tab": "a\tb",
	}
	want(t, newCourier(t, nil).Deliver(t.Context(), claim), outbox.OutcomeAcknowledged, 200, "")
	head, body, _ := strings.Cut(server.received()[0], "\r\n\r\n")
	lines := strings.Split(head, "\r\n")[1:]
	slices.Sort(lines)
	wanted := []string{
		"Content-Length: 17", "Content-Type: application/json", "Cookie: a=b", "Host: " + strings.TrimPrefix(server.url, "http://"),
		"Orderbell-Attempt: 2", "Orderbell-Event: trade.success", "Orderbell-Notification-Id: 018f0000-0000-0000-0000-00000000002a",
		"Orderbells: mine", "User-Agent: orderbell/1.2.3", "X-Empty: ", "X-Orderbell-Event: mine", "X-Tab: a\tb",
	}
	if diff := cmp.Diff(wanted, lines); diff != "" || body != claim.Body {
		t.Errorf("body %q, headers %s", body, diff)
	}
}

// HTTP cannot carry these; none of them may split a request in two.
func TestHeadersThatAreNone(t *testing.T) {
	t.Parallel()
	server, _ := answering(t, answerWith("success"))
	courier := newCourier(t, nil)
	for _, h := range []http.Header{
		{"": {"x"}},
		{"X\r\nY": {"z"}},
		{"X:": {"z"}},
		{"支": {"z"}},
		{"X": {"a\nb"}},
		{"X": {"a\rb"}},
		{"X": {"a\x00b"}},
		{"X": {"a\x7fb"}},
		{"Host": {"a\r\nb"}}, // though it would not be sent
	} {
		claim := claimFor(server.url)
		claim.Headers = map[string]string{}
		for name, values := range h {
			claim.Headers[name] = values[0]
		}
		r := courier.Deliver(t.Context(), claim)
		if r.Outcome != outbox.OutcomeRejected || !strings.HasPrefix(r.Error, "nothing was sent: ") || strings.ContainsAny(r.Error, "\r\n\x00") {
			t.Errorf("%q: %+v", h, r)
		}
	}
	if n := len(server.received()); n != 0 {
		t.Errorf("%d requests", n)
	}
}
