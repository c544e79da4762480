package delivery_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/delivery"
)

func hasNo(name string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.Header.Get(name) == "" }
}

// A merchant with one flaw fails the check that is about it, and no other.
func TestProbeFindsFlaws(t *testing.T) {
	t.Parallel()
	text := func(text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { _, _ = io.WriteString(w, text) }
	}
	everything := func(*http.Request) bool { return true }
	nothingProved := found{"forged": delivery.Skipped, "unsigned": delivery.Skipped, "stale": delivery.Skipped, "repeat": delivery.Skipped}
	with := func(base found, name string, f delivery.Finding) found {
		all := found{name: f}
		for k, v := range base {
			all[k] = v
		}
		return all
	}
	for _, test := range []struct {
		name, signature string
		flaws           flaws
		want            found
		says            string // one of the checks that failed, or warned
		mend            string
	}{
		{
			"takes everything", "standard-webhooks",
			flaws{believes: everything},
			found{"forged": delivery.Failed, "unsigned": delivery.Failed, "stale": delivery.Failed},
			"a request with a wrong signature is acknowledged: anybody could say that an order was paid", "verify the signature before anything else",
		},
		{
			"takes everything by Alipay", "alipay-rsa2",
			flaws{believes: everything},
			found{"forged": delivery.Failed, "unsigned": delivery.Failed, "stale": delivery.Skipped},
			"", "",
		},
		{
			"takes everything by WeChat Pay", "wechatpay-v3",
			flaws{believes: everything},
			found{"forged": delivery.Failed, "signtest": delivery.Failed, "unsigned": delivery.Failed, "stale": delivery.Warned},
			"WECHATPAY/SIGNTEST/", "",
		},
		{
			"takes the platform's tests", "wechatpay-v3",
			flaws{believes: func(r *http.Request) bool {
				return strings.HasPrefix(r.Header.Get("Wechatpay-Signature"), "WECHATPAY/SIGNTEST/")
			}},
			found{"signtest": delivery.Failed},
			"", "",
		},
		{
			"takes a wrong digest", "hmac-sha256:X-Shop-Signature",
			flaws{believes: func(r *http.Request) bool { return len(r.Header.Get("X-Shop-Signature")) == 64 }},
			found{"forged": delivery.Failed, "stale": delivery.Skipped},
			"", "",
		},
		{"takes what is unsigned", "standard-webhooks", flaws{believes: hasNo("Webhook-Signature")}, found{"unsigned": delivery.Failed}, "without a signature is acknowledged", ""},
		{
			"takes what is old", "standard-webhooks",
			flaws{believes: func(r *http.Request) bool { return r.Header.Get("Webhook-Timestamp") < nowText(-5*time.Minute) }},
			found{"stale": delivery.Failed},
			"who has recorded one can send it again", "refuse timestamps",
		},
		{"fails the second time", "standard-webhooks", flaws{again: 500}, found{"repeat": delivery.Failed}, "not acknowledged the second time: status 500", "keep the ids"},
		{
			"says it with a bang", "standard-webhooks",
			flaws{answer: text("SUCCESS!")},
			with(nothingProved, "acknowledge", delivery.Failed), `"SUCCESS!" (8 bytes), which is not "success"`, "exactly like a notification",
		},
		{
			"refuses everything", "standard-webhooks",
			flaws{intercept: func(w http.ResponseWriter, _ received) { w.WriteHeader(http.StatusForbidden) }},
			with(nothingProved, "acknowledge", delivery.Failed), "status 403", "",
		},
		{
			"redirects", "standard-webhooks",
			flaws{intercept: func(w http.ResponseWriter, _ received) {
				w.Header().Set("Location", "https://other.example/notify?token=secret")
				w.WriteHeader(http.StatusFound)
			}},
			with(with(nothingProved, "acknowledge", delivery.Failed), "reach", delivery.Failed),
			"redirects are not followed (to https://other.example/notify)", "the URL at the end of the redirects",
		},
		{
			"hangs up on what is wrong", "standard-webhooks",
			flaws{refuse: func(http.ResponseWriter) { panic(http.ErrAbortHandler) }},
			found{"forged": delivery.Warned, "unsigned": delivery.Warned, "stale": delivery.Warned},
			"it cannot be told: the connection was closed", "refuse at once, with status 401",
		},
		{
			"breaks off", "standard-webhooks",
			flaws{intercept: func(w http.ResponseWriter, _ received) {
				w.Header().Set("Content-Length", "7")
				_, _ = io.WriteString(w, "succ")
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}},
			with(nothingProved, "acknowledge", delivery.Failed), "the answer was cut short", "answer with whole HTTP/1.1",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			report := newCounter(t, test.signature, test.flaws, nil).probe(t)
			failed := false
			for _, f := range test.want {
				failed = failed || f == delivery.Failed
			}
			if diff := cmp.Diff(test.want, findings(report)); diff != "" || report.Passed == failed {
				t.Errorf("passed %t:\n%s\n%s", report.Passed, diff, report.Text())
			}
			if !strings.Contains(report.Text(), test.says) || !strings.Contains(report.Text(), test.mend) {
				t.Errorf("want %q and %q in\n%s", test.says, test.mend, report.Text())
			}
			if strings.Contains(report.Text(), "token=secret") {
				t.Errorf("it shows a query:\n%s", report.Text())
			}
		})
	}
}

func nowText(from time.Duration) string { return strconv.FormatInt(time.Now().Add(from).Unix(), 10) }
