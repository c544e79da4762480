package main_test

import (
	"crypto/rand"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// verifying is a merchant that verifies with the secret that it was given, unless it
// believes everything.
type verifying struct {
	webhook  atomic.Pointer[standardwebhooks.Webhook]
	believes atomic.Bool
	requests atomic.Int32
}

func (m *verifying) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.requests.Add(1)
	body, _ := io.ReadAll(r.Body)
	if webhook := m.webhook.Load(); !m.believes.Load() && webhook.Verify(body, r.Header) != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_, _ = io.WriteString(w, "success")
}

// probed is a shop with an endpoint, m-1, that signs, and its merchant.
func probed(t *testing.T) (*shop, *verifying, []string) {
	t.Helper()
	s, m := newShop(t), &verifying{}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	s.endpoint("m-1", server.URL+"/notify?token=canary-query")
	s.exec("update orderbell.endpoint set signature = 'standard-webhooks' where id = 'm-1'")
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	env := s.env("ORDERBELL_SECRETS_MASTER_KEY=" + base64.StdEncoding.EncodeToString(key))
	give, _ := object(t, run(t, env, "endpoint", "rotate-secret", "--json", "m-1"))["give"].(string)
	webhook, err := standardwebhooks.NewWebhook(give)
	if err != nil {
		t.Fatal(err)
	}
	m.webhook.Store(webhook)
	return s, m, env
}

// namesAndFindings of the checks in a report.
func namesAndFindings(t *testing.T, report map[string]any) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, c := range report["checks"].([]any) {
		check := c.(map[string]any)
		found[check["name"].(string)] = check["finding"].(string)
	}
	return found
}

func TestEndpointProbe(t *testing.T) {
	t.Parallel()
	s, m, env := probed(t)
	s.exec("select orderbell.pause('m-1')") // which is no obstacle
	got := run(t, env, "endpoint", "probe", "m-1")
	got.wants(t, 0, "\nThe endpoint is ready: no check failed.\n", "")
	if strings.Contains(got.stdout, "canary") || !strings.Contains(got.stdout, "/notify\n") {
		t.Errorf("the report is %s", got.stdout)
	}
	if n := m.requests.Load(); n != 5 {
		t.Errorf("%d requests", n)
	}
	const last = `select concat_ws(' ', endpoint, passed, by = session_user, report->>'passed', report->>'url' not like '%canary%', report->'checks'->1->>'name')
		from orderbell.probe order by at desc limit 1`
	if row := s.get(last); row != "m-1 t t true t acknowledge" {
		t.Errorf("recorded: %s", row)
	}

	m.believes.Store(true)
	got = run(t, env, "endpoint", "probe", "--json", "m-1")
	if got.status != 1 || got.stderr != "orderbell: endpoint m-1 is not ready: forged, unsigned, stale\n" {
		t.Errorf("status %d, %s", got.status, got.stderr)
	}
	want := map[string]string{
		"reach": "warned", "acknowledge": "passed", "forged": "failed", "unsigned": "failed", "stale": "failed", "repeat": "passed",
	}
	got.status = 0
	report := object(t, got)
	if diff := cmp.Diff(want, namesAndFindings(t, report)); diff != "" || report["passed"] != false || report["endpoint"] != "m-1" {
		t.Errorf("%v:\n%s", report, diff)
	}
	if row := s.get(last); row != "m-1 f t false t acknowledge" {
		t.Errorf("recorded: %s", row)
	}

	// It is nobody's order.
	for _, table := range []string{"notification", "delivery", "attempt", "finished"} {
		if n := s.get("select count(*)::text from orderbell." + table); n != "0" {
			t.Errorf("%s has %s rows", table, n)
		}
	}
}

// What is the sender's own to mend is an error, sends nothing and is not recorded.
func TestEndpointProbeRefuses(t *testing.T) {
	t.Parallel()
	s, m, env := probed(t)
	s.exec("insert into orderbell.endpoint (id, url, signature) select 'm-2', url, signature from orderbell.endpoint")
	s.exec("create function public.close_order(order_no text, body text) returns boolean return true")
	s.endpoint("a-1", "sql:public.close_order")
	for _, test := range []struct {
		env        []string
		id, stderr string
	}{
		{env, "a-1", "orderbell: endpoint a-1 is an action, sql:public.close_order: no request is sent, so there is nothing to probe\n"},
		{env, "nobody", "orderbell: no endpoint nobody; orderbell endpoint list shows those that there are\n"},
		{env, "m-2", "endpoint m-2: nothing can be signed: it has no secret; make one with: orderbell endpoint rotate-secret"},
		{s.env(), "m-1", "there is no master key"},
	} {
		got := run(t, test.env, "endpoint", "probe", test.id)
		got.wants(t, 1, "", test.stderr)
		got.oneLine(t)
	}
	if n := s.get("select count(*)::text from orderbell.probe"); n != "0" || m.requests.Load() != 0 {
		t.Errorf("%s probes recorded, %d requests", n, m.requests.Load())
	}
	run(t, nil, "endpoint", "probe").wants(t, 2, "", "0 arguments instead of 1; usage: orderbell endpoint probe [--config FILE] [--json] ID")
	run(t, nil, "endpoint", "probe", "m-1").wants(t, 2, "", "ORDERBELL_DATABASE_URL")
}

// What only the sender should know is told beside the report.
func TestEndpointProbeTellsYouAlone(t *testing.T) {
	t.Parallel()
	s, _, env := probed(t)
	s.exec("update orderbell.endpoint set url = 'https://10.1.2.3/notify'")
	got := run(t, env, "endpoint", "probe", "m-1")
	got.wants(t, 1, "address policy does not allow this address", "orderbell: for you alone: blocked by the address policy: ")
	if n := s.get("select count(*)::text from orderbell.probe where not passed"); n != "1" {
		t.Errorf("%s probes recorded", n)
	}
}

// The operators' role is enough.
func TestRightToProbe(t *testing.T) {
	t.Parallel()
	s, _, env := probed(t)
	user := newUser(t)
	env = append(env, "ORDERBELL_DATABASE_URL="+user.url(t, s.url))
	user.isRefused(t, run(t, env, "endpoint", "probe", "m-1"), "orderbell_operator")
	s.exec("grant orderbell_operator to " + user.name)
	run(t, env, "endpoint", "probe", "m-1").wants(t, 0, "ready", "")
	if by := s.get("select by from orderbell.probe"); by != user.name {
		t.Errorf("by %s", by)
	}
}
