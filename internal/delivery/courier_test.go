package delivery_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/delivery/netguard"
	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/outbox"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	courier := newCourier(t, func(o *delivery.Options) { o.MaxAnswer = 10 })
	for _, c := range []struct {
		name           string
		answer         merchanttest.Answer
		reject         string
		outcome        outbox.Outcome
		error, excerpt string
		wait           time.Duration
	}{
		{name: "success", answer: merchanttest.Success(), outcome: outbox.OutcomeAcknowledged, excerpt: "success"},
		{
			name: "500", answer: merchanttest.Answer{Status: 500, Body: "oops"},
			outcome: outbox.OutcomeAnswered, excerpt: "oops",
			error: `status 500 with "oops" (4 bytes), which is not "success"`,
		},
		{
			name: "near miss", answer: merchanttest.Answer{Body: "SUCCESS!\x00"},
			outcome: outbox.OutcomeAnswered, excerpt: `SUCCESS!\x00`,
			error: `status 200 with "SUCCESS!\x00" (9 bytes), which is not "success": more text around it`,
		},
		{name: "at the cap", answer: merchanttest.Answer{Body: "success   "}, outcome: outbox.OutcomeAcknowledged, excerpt: "success   "},
		{
			name: "over the cap", answer: merchanttest.Answer{Body: "success    "},
			outcome: outbox.OutcomeAnswered, excerpt: "success   ",
			error: "status 200 with a body over the size cap of 10 bytes, which never counts",
		},
		{
			name: "reject", answer: merchanttest.Answer{Status: 410, Body: "gone"}, reject: "status == 410",
			outcome: outbox.OutcomeRejected, excerpt: "gone",
			error: "status 410: the policy's reject rule is true: status == 410",
		},
		{
			name: "reject wins", answer: merchanttest.Success(), reject: "status == 200",
			outcome: outbox.OutcomeRejected, excerpt: "success",
			error: "status 200: the policy's reject rule is true: status == 200",
		},
		{
			name: "reject fails", answer: merchanttest.Success(), reject: `json("a") > 1`,
			outcome: outbox.OutcomeAcknowledged, excerpt: "success",
		},
		{
			name: "busy", answer: merchanttest.Answer{Status: 503, Header: http.Header{"Retry-After": {"7"}}},
			outcome: outbox.OutcomeAnswered, wait: 7 * time.Second,
			error: `status 503 with an empty body, which is not "success"`,
		},
		{
			name: "redirect", answer: merchanttest.Answer{
				Status: 302, Header: http.Header{"Location": {"http://u:p@169.254.169.254/x?secret=1"}},
			},
			outcome: outbox.OutcomeAnswered,
			error:   `status 302 with an empty body, which is not "success"; redirects are not followed (to http://169.254.169.254/x)`,
		},
		{
			name: "redirect that counts elsewhere", answer: merchanttest.Answer{
				Status: 307, Body: "success", Header: http.Header{"Location": {"/other?x"}},
			},
			outcome: outbox.OutcomeAnswered, excerpt: "success",
			error: `status 307 with "success" (7 bytes): with status 200 it would count; redirects are not followed (to /other)`,
		},
		{
			name: "compressed unasked", outcome: outbox.OutcomeAnswered, excerpt: `\x1F\x8B`,
			answer: merchanttest.Answer{Body: "\x1f\x8b", Header: http.Header{"Content-Encoding": {"gzip"}}},
			error:  `status 200 with "\x1f\x8b" (2 bytes), which is not "success"`,
		},
	} {
		m.Script("", c.answer)
		before := len(m.Requests())
		claim := claimFor(m.URL + "/n")
		claim.Policy.Reject = c.reject
		r := courier.Deliver(t.Context(), claim)
		want(t, r, c.outcome, max(c.answer.Status, 200), c.error)
		if r.Excerpt != c.excerpt || r.RetryAfter != c.wait {
			t.Errorf("%s: excerpt %q, retry after %v", c.name, r.Excerpt, r.RetryAfter)
		}
		if n := len(m.Requests()) - before; n != 1 {
			t.Errorf("%s: %d requests", c.name, n)
		}
	}
}

func TestCookiesAreNotKept(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	m.Script("", merchanttest.Answer{Body: "success", Header: http.Header{"Set-Cookie": {"a=b"}}})
	courier := newCourier(t, nil)
	for range 2 {
		courier.Deliver(t.Context(), claimFor(m.URL))
	}
	h := m.Wait(t.Context(), 2)[1].Header
	for _, name := range []string{"Cookie", "Accept-Encoding", "Referer"} {
		if v, ok := h[name]; ok {
			t.Errorf("sent %s: %v", name, v)
		}
	}
}

func TestNothingIsSent(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	courier := newCourier(t, nil)
	for _, c := range []struct {
		name    string
		change  func(*outbox.Claim)
		outcome outbox.Outcome
		error   string
	}{
		{"a form of no object", func(c *outbox.Claim) { c.Policy.Format, c.Body = "form", "[1]" }, outbox.OutcomeRejected, "nothing was sent: the format form needs a JSON object as the body: it is another JSON value"},
		{"a query of no JSON", func(c *outbox.Claim) { c.Policy.Format, c.Body = "query", "x=1" }, outbox.OutcomeRejected, "nothing was sent: the format query needs a JSON object as the body: it is no JSON"},
		{"no URL", func(c *outbox.Claim) { c.URL = "" }, outbox.OutcomeRejected, `nothing was sent: the URL's scheme "" is neither https nor http`},
		{"a file", func(c *outbox.Claim) { c.URL = "file:///etc/passwd" }, outbox.OutcomeRejected, `nothing was sent: the URL's scheme "file" is neither https nor http`},
		{"no host", func(c *outbox.Claim) { c.URL = "http:///n" }, outbox.OutcomeRejected, "nothing was sent: the URL has no host"},
		{"only a port", func(c *outbox.Claim) { c.URL = "http://:80/n" }, outbox.OutcomeRejected, "nothing was sent: the URL has no host"},
		{"opaque", func(c *outbox.Claim) { c.URL = "http:shop.example" }, outbox.OutcomeRejected, "nothing was sent: the URL has no host"},
		{"a URL with a secret", func(c *outbox.Claim) { c.URL = "http://u:secret@h/%zz?secret" }, outbox.OutcomeRejected, "nothing was sent: the URL cannot be read"},
		{"a line feed in the URL", func(c *outbox.Claim) { c.URL += "/a\r\nX: y" }, outbox.OutcomeRejected, "nothing was sent: the URL cannot be read"},
		{"a bad header", func(c *outbox.Claim) { c.Headers = map[string]string{"X": "secret\r\nY: z"} }, outbox.OutcomeRejected, "nothing was sent: the value of the header X has a control character"},
		{"a bad header name", func(c *outbox.Claim) { c.Headers = map[string]string{"X Y": "z"} }, outbox.OutcomeRejected, `nothing was sent: "X Y" is no name of a header`},
		{"a bad content type", func(c *outbox.Claim) { c.ContentType = "a\nb" }, outbox.OutcomeRejected, "nothing was sent: the value of the header Content-Type has a control character"},
		{"a bad rule", func(c *outbox.Claim) { c.Policy.Acknowledge = "stats == 200" }, outbox.OutcomeInterrupted, "nothing was sent: acknowledge: unknown name stats (column 1)"},
		{"a bad reject rule", func(c *outbox.Claim) { c.Policy.Reject = "status" }, outbox.OutcomeInterrupted, "nothing was sent: reject: expected bool, but got int"},
		{"no rule", func(c *outbox.Claim) { c.Policy.Acknowledge = "" }, outbox.OutcomeInterrupted, "nothing was sent: acknowledge: the rule is empty"},
		{"a bad method", func(c *outbox.Claim) { c.Policy.Method = "PUT" }, outbox.OutcomeInterrupted, `nothing was sent: method "PUT" is neither POST nor GET`},
		{"a bad format", func(c *outbox.Claim) { c.Policy.Format = "xml" }, outbox.OutcomeInterrupted, `nothing was sent: format "xml" is none of body, form, query`},
		{"no policy", func(c *outbox.Claim) { c.Policy = nil }, outbox.OutcomeInterrupted, "nothing was sent: the policy is missing"},
	} {
		claim := claimFor(m.URL)
		c.change(claim)
		t.Log(c.name)
		want(t, courier.Deliver(t.Context(), claim), c.outcome, 0, c.error)
	}
	if got := m.Requests(); len(got) != 0 {
		t.Errorf("%d requests were sent", len(got))
	}
}

func TestAPanicIsAnOutcome(t *testing.T) {
	t.Parallel()
	want(t, newCourier(t, nil).Deliver(t.Context(), nil), outbox.OutcomeUnreachable, 0,
		"the courier failed: runtime error: invalid memory address or nil pointer dereference")
}

func TestBlockedAddressesSeeNothing(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	_, port, _ := strings.Cut(strings.TrimPrefix(m.URL, "http://"), ":")
	none := newCourier(t, func(o *delivery.Options) { o.Guard = nil })
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		r := none.Deliver(t.Context(), claimFor("http://"+host+":"+port))
		if r.Outcome != outbox.OutcomeBlocked || !strings.Contains(r.Error, "blocked by the address policy: ") ||
			!strings.Contains(r.Error, "network.allow can open it") {
			t.Errorf("%s: %+v", host, r)
		}
	}
	open := newCourier(t, func(o *delivery.Options) { o.Guard = netguard.New(netguard.Rules{HTTP: true}) })
	r := open.Deliver(t.Context(), claimFor("https://169.254.169.254/latest?secret"))
	want(t, r, outbox.OutcomeBlocked, 0, "blocked by the address policy: 169.254.169.254 is in 169.254.0.0/16 "+
		"(link-local, with the clouds' metadata services), which is never open")
	if len(m.Requests()) != 0 {
		t.Error("a request came through")
	}
}

func TestStoppingInterrupts(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	m.Script("", merchanttest.Broken(merchanttest.Hang))
	courier := newCourier(t, nil)
	ctx, stop := context.WithCancel(t.Context())
	results := make(chan outbox.Result)
	go func() { results <- courier.Deliver(ctx, claimFor(m.URL)) }()
	m.Wait(t.Context(), 1)
	stop()
	want(t, <-results, outbox.OutcomeInterrupted, 0, "the worker was stopping (phase: waiting for headers)")
	want(t, courier.Deliver(ctx, claimFor(m.URL)), outbox.OutcomeInterrupted, 0,
		"the worker was stopping (phase: waiting for a connection)")
	late, end := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer end()
	if r := courier.Deliver(late, claimFor(m.URL)); r.Outcome != outbox.OutcomeInterrupted {
		t.Errorf("with a deadline of the caller's: %+v", r)
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	m.Script("/bad", merchanttest.Status(500))
	courier := newCourier(t, nil)
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			path, outcome := "/good", outbox.OutcomeAcknowledged
			if i%2 == 0 {
				path, outcome = "/bad", outbox.OutcomeAnswered
			}
			claim := claimFor(m.URL + path)
			claim.ID[0] = byte(i)
			if r := courier.Deliver(t.Context(), claim); r.Outcome != outcome {
				t.Errorf("%s: %+v", path, r)
			}
		})
	}
	all.Wait()
	if n := len(m.Requests()); n != 100 {
		t.Errorf("%d requests", n)
	}
	if o := m.Overlaps(); len(o) != 0 {
		t.Errorf("overlaps: %v", o)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	courier := newCourier(t, nil)
	p := claimFor("").Policy
	for range 2 { // the second time from the cache
		if err := courier.Check(p); err != nil {
			t.Error(err)
		}
		bad := *p
		bad.Reject = "now() == nil"
		if err := courier.Check(&bad); err == nil || err.Error() != "reject: unknown name now (column 1)" {
			t.Errorf("got %v", err)
		}
	}
	for i := range 2500 { // more texts than the cache holds
		bad := *p
		bad.Acknowledge = strings.Repeat(" ", i+1) + "true"
		if err := courier.Check(&bad); err != nil {
			t.Fatal(err)
		}
	}
}
