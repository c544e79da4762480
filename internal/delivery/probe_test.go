package delivery_test

import (
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/outbox"
)

// findings are the checks of a report, by name, but for those that passed.
func findings(r delivery.Report) map[string]delivery.Finding {
	found := map[string]delivery.Finding{}
	for _, c := range r.Checks {
		if c.Finding != delivery.Passed {
			found[c.Name] = c.Finding
		}
	}
	return found
}

func checkOf(t *testing.T, r delivery.Report, name string) delivery.Check {
	t.Helper()
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("there is no check %s in\n%s", name, r.Text())
	return delivery.Check{}
}

type found = map[string]delivery.Finding

// A merchant that does everything right passes, with whatever SDK it verifies.
func TestProbeOfAGoodMerchant(t *testing.T) {
	t.Parallel()
	for signature, test := range map[string]struct {
		requests int
		besides  found
	}{
		"standard-webhooks":            {5, found{}},
		"alipay-rsa2":                  {4, found{"stale": delivery.Skipped}},
		"wechatpay-v3":                 {6, found{}},
		"hmac-sha256:X-Shop-Signature": {4, found{"stale": delivery.Skipped}},
		"none":                         {2, found{"forged": delivery.Skipped, "unsigned": delivery.Skipped, "stale": delivery.Skipped}},
	} {
		t.Run(signature, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t, signature, flaws{}, nil)
			report := c.probe(t)
			if diff := cmp.Diff(test.besides, findings(report)); diff != "" || !report.Passed {
				t.Errorf("passed %t:\n%s\n%s", report.Passed, diff, report.Text())
			}
			if reach := checkOf(t, report, "reach"); !strings.Contains(reach.Says, "TLS 1.3, certificate by Shop Authority, good until ") || !strings.HasSuffix(reach.Says, " (60 days)") {
				t.Errorf("reach says %s", reach.Says)
			}
			if got := c.till.requests(); len(got) != test.requests {
				t.Errorf("%d requests, want %d", len(got), test.requests)
			}
			c.probe(t) // another one has other ids
			if n := len(c.till.seen); n != 2*(test.requests-1) {
				t.Errorf("%d ids in two probes of %d requests", n, test.requests)
			}
		})
	}
}

// Every request says that it is a probe, and is about no order.
func TestProbesSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	c := newCounter(t, "standard-webhooks", flaws{}, nil)
	c.endpoint.Headers = map[string]string{"X-Shop": "7"}
	before := time.Now().UnixMilli()
	c.probe(t)
	attempts := map[string]string{}
	for _, r := range c.till.requests() {
		id := r.header.Get("Orderbell-Notification-Id")
		attempts[id] += r.header.Get("Orderbell-Attempt")
		if r.header.Get("Orderbell-Probe") != "1" || r.header.Get("Orderbell-Event") != "orderbell.probe" || r.header.Get("X-Shop") != "7" || r.body != `{"orderbell_probe":"1"}` {
			t.Errorf("%v: %s", r.header, r.body)
		}
		if made := outbox.IDTime(idOf(t, id)).UnixMilli(); id[14] != '7' || made < before || made > time.Now().UnixMilli() {
			t.Errorf("the id %s is of %d", id, made)
		}
	}
	several := 0
	for _, numbers := range attempts {
		if numbers == "12" {
			several++
		}
	}
	if len(attempts) != 4 || several != 1 {
		t.Errorf("the attempts of each id: %v", attempts)
	}
}

func idOf(t *testing.T, text string) outbox.ID {
	t.Helper()
	var id outbox.ID
	for i, digits := 0, strings.ReplaceAll(text, "-", ""); i < len(id); i++ {
		for _, d := range digits[2*i : 2*i+2] {
			id[i] = id[i]<<4 | byte(strings.IndexRune("0123456789abcdef", d))
		}
	}
	return id
}

// Real attempts do not say it.
func TestNoAttemptIsAProbe(t *testing.T) {
	t.Parallel()
	c := newCounter(t, "none", flaws{}, nil)
	claim := claimFor(c.endpoint.URL)
	want(t, c.courier.Deliver(t.Context(), claim), acknowledged, 200, "")
	if h := c.till.requests()[0].header; h["Orderbell-Probe"] != nil {
		t.Errorf("%v", h)
	}
}

// A report may be forwarded: it repeats nothing that is private, even where an answer does.
func TestReportsKeepSecrets(t *testing.T) {
	t.Parallel()
	echo := func(w http.ResponseWriter, r received) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "you said "+r.header.Get("Authorization")+" and "+r.header.Get("X-Key")+" to "+r.header.Get("X-Query")+"\x1b[2J")
	}
	c := newCounter(t, "standard-webhooks", flaws{intercept: echo}, nil)
	c.endpoint.Headers = map[string]string{"Authorization": "Bearer canary-bearer", "X-Key": "canary-key", "X-Query": "token=canary-query"}
	c.endpoint.URL += "?token=canary-query"
	report := c.probe(t)
	asJSON, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{report.Text(), string(asJSON), strings.Join(report.Aside, " ")} {
		if strings.Contains(text, "canary") || strings.Contains(text, "\x1b") {
			t.Errorf("it shows what is private:\n%s", text)
		}
	}
	if excerpt := checkOf(t, report, "acknowledge").Excerpt; !strings.HasPrefix(excerpt, "you said [hidden] and [hidden] to [hidden]") {
		t.Errorf("the excerpt is %q", excerpt)
	}
	if c.till.requests()[0].header.Get("Authorization") != "Bearer canary-bearer" {
		t.Error("the header was not sent")
	}
	if u, err := url.Parse(report.URL); err != nil || u.RawQuery != "" {
		t.Errorf("the URL is %s", report.URL)
	}
}

// During a rotation both signatures of a request are wrong, and two keys sign good ones.
func TestProbeThroughARotation(t *testing.T) {
	t.Parallel()
	c := newCounter(t, "standard-webhooks", flaws{}, nil)
	ring := newRing(t)
	older, verify := newSecret(t, ring, "standard-webhooks")
	newer, _ := newSecret(t, ring, "standard-webhooks")
	c.endpoint.Secrets, c.till.verify = append(newer, older...), verify
	c.courier = c.with(t, ring)
	report := c.probe(t)
	if diff := cmp.Diff(found{}, findings(report)); diff != "" {
		t.Errorf("%s\n%s", diff, report.Text())
	}
	for i, r := range c.till.requests() {
		if n := len(strings.Fields(r.header.Get("Webhook-Signature"))); n != 2 && (i != 2 || n != 0) {
			t.Errorf("request %d has %d signatures", i, n)
		}
	}
}

// varying is what differs from one report to the next.
var varying = regexp.MustCompile(`endpoint m-\d+: https://[^/]+/|\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?|orderbell/[0-9.]+|\(\d+ days\)|after \d+ ms`)

// The report that the README shows is one that is made.
func TestProbeReportOfTheReadme(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	c := newCounter(t, "standard-webhooks", flaws{believes: hasNo("Webhook-Signature")}, func(c *x509.Certificate) {
		lasting(c)
		c.Subject.Organization, c.Subject.CommonName = []string{"Let's Encrypt"}, "R11"
	})
	c.policy.Timeout = 10 * time.Second
	_, rest, _ := strings.Cut(string(page), "### Before you go live\n")
	_, rest, _ = strings.Cut(rest, "```text\n")
	shown, _, _ := strings.Cut(rest, "```")
	made := c.probe(t).Text()
	if diff := cmp.Diff(varying.ReplaceAllString(made, "…"), varying.ReplaceAllString(shown, "…")); diff != "" {
		t.Errorf("the README shows another one than\n%s\n%s", made, diff)
	}
}
