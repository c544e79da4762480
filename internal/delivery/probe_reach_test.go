package delivery_test

import (
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/delivery"
)

// A merchant that is too slow, and one that just makes it.
func TestProbeOfASlowMerchant(t *testing.T) {
	t.Parallel()
	never := newCounter(t, "standard-webhooks", flaws{intercept: func(http.ResponseWriter, received) { <-t.Context().Done() }}, nil)
	never.policy.Timeout = 500 * time.Millisecond
	report := never.probe(t)
	want := found{"acknowledge": delivery.Failed, "forged": delivery.Skipped, "unsigned": delivery.Skipped, "stale": delivery.Skipped, "repeat": delivery.Skipped}
	if diff := cmp.Diff(want, findings(report)); diff != "" || report.Passed {
		t.Errorf("passed %t:\n%s\n%s", report.Passed, diff, report.Text())
	}
	if c := checkOf(t, report, "acknowledge"); c.Says != "no answer within 500ms (phase: waiting for headers)" || !strings.HasPrefix(c.Mend, "answer before any slow work") {
		t.Errorf("%+v", c)
	}

	var sent atomic.Int32
	late := newCounter(t, "none", flaws{intercept: func(w http.ResponseWriter, _ received) {
		if sent.Add(1) == 1 {
			<-time.After(2100 * time.Millisecond) // more than half of what is allowed, with as much in reserve
		}
		_, _ = io.WriteString(w, "success")
	}}, nil)
	late.policy.Timeout = 4 * time.Second
	report = late.probe(t)
	if c := checkOf(t, report, "acknowledge"); c.Finding != delivery.Warned || !report.Passed || !strings.Contains(c.Says, "after more than half of the time allowed (4s)") {
		t.Errorf("passed %t: %+v", report.Passed, c)
	}
}

// What is wrong with a certificate, and when it ends.
func TestProbeOfCertificates(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change  func(*x509.Certificate)
		finding delivery.Finding
		says    string
		mend    string
	}{
		"expired": {
			func(c *x509.Certificate) { lasting(c); c.NotBefore, c.NotAfter = aDay(-40), aDay(-10) },
			delivery.Failed, "no answer came: TLS: certificate expired on " + aDay(-10).UTC().Format(time.DateOnly), "this one is by Shop Authority, good from ",
		},
		"another's": {
			func(c *x509.Certificate) { lasting(c); c.IPAddresses = nil },
			delivery.Failed, "TLS: certificate is not for 127.0.0.1 but for shop.example", "serve a certificate for this host",
		},
		"ends soon": {
			func(c *x509.Certificate) { lasting(c); c.NotAfter = aDay(29) },
			delivery.Warned, " (28 days)", "renew the certificate: nothing is sent from " + aDay(29).UTC().Format(time.DateOnly),
		},
		"ends later": {func(c *x509.Certificate) { lasting(c); c.NotAfter = aDay(31) }, delivery.Passed, " (30 days)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := newCounter(t, "standard-webhooks", flaws{}, test.change).probe(t)
			c := checkOf(t, report, "reach")
			if c.Finding != test.finding || !strings.Contains(c.Says, test.says) || !strings.Contains(c.Mend, test.mend) {
				t.Errorf("%+v", c)
			}
			if stopped := len(report.Checks) == 1; stopped != (test.finding == delivery.Failed) || report.Passed == stopped {
				t.Errorf("passed %t:\n%s", report.Passed, report.Text())
			}
		})
	}
}

func aDay(n int) time.Time { return time.Now().AddDate(0, 0, n) }

// Where nobody answers, nothing more is tried.
func TestProbeOfNobody(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		url, says, aside string
	}{
		"nobody listens": {"https://127.0.0.1:1/notify", "no answer came: connect: connection refused", ""},
		"forbidden":      {"https://10.1.2.3/notify", "nothing was sent: the sender's address policy does not allow this address", "10.1.2.3"},
		"a bad URL":      {"ftp://shop.example/", "nothing was sent, because of a fault on the sender's side", "neither https nor http"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t, "none", flaws{}, nil)
			c.endpoint.URL = test.url
			report := c.probe(t)
			if len(report.Checks) != 1 || report.Passed || report.Checks[0].Says != test.says {
				t.Errorf("passed %t:\n%s", report.Passed, report.Text())
			}
			if aside := strings.Join(report.Aside, "\n"); (aside == "") != (test.aside == "") || !strings.Contains(aside, test.aside) {
				t.Errorf("aside: %q", aside)
			}
		})
	}
}

// An egress proxy that is away is our fault, and none of the merchant's business.
func TestProbeThroughAProxyThatIsAway(t *testing.T) {
	t.Parallel()
	c := newCounter(t, "none", flaws{}, nil)
	c.courier = newCourier(t, func(o *delivery.Options) {
		o.Proxy = &delivery.Proxy{URL: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, Guard: local()}
	})
	report := c.probe(t)
	if len(report.Checks) != 1 || report.Passed || report.Checks[0].Says != "nothing was sent, because of a fault on the sender's side" {
		t.Errorf("passed %t:\n%s", report.Passed, report.Text())
	}
	if len(report.Aside) != 1 || !strings.Contains(report.Aside[0], "the egress proxy") || strings.Contains(report.Text(), "proxy") {
		t.Errorf("%q and\n%s", report.Aside, report.Text())
	}
}

// What cannot be signed is not sent, and the report does not say more than that.
func TestProbeWithoutASecret(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*counter){
		"no secret":   func(c *counter) { c.endpoint.Secrets = nil },
		"another key": func(c *counter) { c.endpoint.Secrets[0].KeyID = "00000000" },
		"no scheme":   func(c *counter) { c.endpoint.Signature = "wax" },
		"no rule":     func(c *counter) { c.policy.Acknowledge = "status ==" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t, "standard-webhooks", flaws{}, nil)
			change(c)
			report := c.probe(t)
			if diff := cmp.Diff(found{"reach": delivery.Failed}, findings(report)); diff != "" || report.Passed || len(c.till.requests()) != 0 {
				t.Errorf("passed %t, %d requests:\n%s", report.Passed, len(c.till.requests()), report.Text())
			}
			if len(report.Aside) != 1 || strings.Contains(report.Text(), report.Aside[0]) {
				t.Errorf("%q and\n%s", report.Aside, report.Text())
			}
		})
	}
}

// A probe that is stopped says so, and sends no more.
func TestProbeThatIsStopped(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	c := newCounter(t, "standard-webhooks", flaws{intercept: func(http.ResponseWriter, received) { stop(); <-t.Context().Done() }}, nil)
	report := c.courier.Probe(ctx, c.endpoint, c.policy, time.Now())
	if report.Passed || len(c.till.requests()) != 1 {
		t.Errorf("passed %t, %d requests:\n%s", report.Passed, len(c.till.requests()), report.Text())
	}
}
