package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/postgres"
)

// The policies of a fresh database are a published promise.
func TestPoliciesOfAFreshDatabase(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const s, m, hour = time.Second, time.Minute, time.Hour
	policy := func(name, acknowledge string, timeout time.Duration, ladder ...time.Duration) *outbox.Policy {
		return &outbox.Policy{
			Name: name, Ladder: ladder, Acknowledge: acknowledge, Method: "POST", Format: "body", Timeout: timeout, RetryAfterCap: hour, Signature: "none",
		}
	}
	const success = `status == 200 && lower(trim(body)) == "success"`
	webhook := policy("webhook", "status >= 200 && status < 300", 15*s, 5*s, 5*m, 30*m, 2*hour, 5*hour, 10*hour, 10*hour)
	webhook.Reject = "status == 410"
	want := map[string]*outbox.Policy{
		"standard":  policy("standard", success, 10*s, 15*s, 3*m, 10*m, 30*m, 30*m, hour, 2*hour, 6*hour, 15*hour),
		"alipay":    policy("alipay", `status == 200 && body == "success"`, 10*s, 4*m, 10*m, 10*m, hour, 2*hour, 6*hour, 15*hour),
		"wechatpay": policy("wechatpay", "status in [200, 204]", 5*s, 15*s, 15*s, 30*s, 3*m, 10*m, 20*m, 30*m, 30*m, 30*m, 60*m, 3*hour, 3*hour, 3*hour, 6*hour, 6*hour),
		"quick":     policy("quick", success, 10*s, 3*s, 30*s, 60*s, 120*s, 180*s, 300*s),
		"webhook":   webhook,
		"question":  policy("question", "false", 10*s, 30*s, 60*s, 3*m, 6*m, 10*m),
	}
	if diff := cmp.Diff(want, h.policies()); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
}

func (h *house) policies() map[string]*outbox.Policy {
	h.t.Helper()
	found, err := h.db.Policies(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	byName := make(map[string]*outbox.Policy, len(found))
	for _, p := range found {
		byName[p.Name] = p
	}
	return byName
}

// Intervals of every shape come exactly, and in order.
func TestPoliciesAreReadExactly(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`insert into orderbell.policy (name, ladder, acknowledge, reject, method, format, timeout, retry_after_cap)
		values ('odd', '{1 day,00:00:00.000001,1.5 s,1 mon,36 h,300 days}', 'true', 'false', 'GET', 'query', '0.25 s', '0'),
		       ('none', '{}', 'true', null, 'POST', 'form', '10 ms', '30 days')`)
	const day = 24 * time.Hour
	policies := h.policies()
	want := &outbox.Policy{
		Name: "odd", Ladder: outbox.Ladder{day, time.Microsecond, 1500 * time.Millisecond, 30 * day, 36 * time.Hour, 300 * day},
		Acknowledge: "true", Reject: "false", Method: "GET", Format: "query", Timeout: 250 * time.Millisecond, Signature: "none",
	}
	if diff := cmp.Diff(want, policies["odd"]); diff != "" {
		t.Errorf("odd (-want +got):\n%s", diff)
	}
	want = &outbox.Policy{
		Name: "none", Ladder: outbox.Ladder{}, Acknowledge: "true", Method: "POST", Format: "form", Timeout: 10 * time.Millisecond, RetryAfterCap: 30 * day, Signature: "none",
	}
	if diff := cmp.Diff(want, policies["none"]); diff != "" {
		t.Errorf("none (-want +got):\n%s", diff)
	}
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`insert into orderbell.endpoint (id, url, policy, headers) values ('m-2', 'https://two.example/', 'quick', '{"X-A": "1", "X-B": "two"}')`)
	found, err := h.db.Endpoints(t.Context(), []string{"m-2", "nobody", "m-1"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]*outbox.Endpoint{}
	for _, e := range found {
		got[e.ID] = e
	}
	want := map[string]*outbox.Endpoint{
		"m-1": {ID: "m-1", URL: "http://shop.example/notify", Policy: "standard"},
		"m-2": {ID: "m-2", URL: "https://two.example/", Policy: "quick", Headers: map[string]string{"X-A": "1", "X-B": "two"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
}

// Limits, pause and breaker as workers read them.
func TestEndpointsThatMayNotSend(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	read := func() outbox.Endpoint {
		t.Helper()
		found, err := h.db.Endpoints(t.Context(), []string{"m-1"})
		if err != nil || len(found) != 1 {
			t.Fatalf("found %v, %v", found, err)
		}
		return *found[0]
	}
	h.limit("max_in_flight = 3, rate_per_second = 0.25")
	h.exec("select orderbell.pause('m-1')")
	want := outbox.Endpoint{ID: "m-1", URL: "http://shop.example/notify", Policy: "standard", MaxInFlight: 3, Rate: 0.25, Paused: true}
	if diff := cmp.Diff(want, read()); diff != "" {
		t.Errorf("limited and paused (-want +got):\n%s", diff)
	}
	h.breaks(h.db, outbox.Breaking{Endpoint: "m-1", Open: true, Reason: "refused"})
	for _, test := range []struct {
		set         string
		least, most time.Duration
	}{
		{"probe_at = now() + interval '1 h'", 59 * time.Minute, time.Hour},
		{"probe_at = now() - interval '1 h'", 0, 0},
		{"probing_until = now() + interval '2 h'", 119 * time.Minute, 2 * time.Hour},
		{"probing_until = now() - interval '2 h'", 0, 0},
	} {
		h.exec("update orderbell.breaker set " + test.set)
		if got := read(); !got.Open || got.ProbeIn < test.least || got.ProbeIn > test.most {
			t.Errorf("%s: open %t, its probe in %s; want %s", test.set, got.Open, got.ProbeIn, test.most)
		}
	}
	h.exec("select orderbell.resume('m-1')")
	if got := read(); got.Open || got.Paused || got.ProbeIn != 0 {
		t.Errorf("resumed: %+v", got)
	}
}

// A fault is written by a worker that has read these very rules, and leaves with
// them.
func TestSetFault(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	fault := func() *string {
		return one[*string](t, h.pool, "select fault from orderbell.policy where name = 'webhook'")
	}
	set := func(p *outbox.Policy, text string) {
		t.Helper()
		if err := h.db.SetFault(t.Context(), p, text); err != nil {
			t.Fatal(err)
		}
	}
	read := h.policies()["webhook"]
	set(read, "the rule does not compile")
	if f := fault(); f == nil || *f != "the rule does not compile" {
		t.Errorf("fault is %v", f)
	}
	if f := h.policies()["webhook"].Fault; f != "the rule does not compile" {
		t.Errorf("Policies says %q", f)
	}
	h.exec("update orderbell.policy set timeout = '3 s' where name = 'webhook'")
	if f := fault(); f == nil {
		t.Error("a change of something else has taken the fault away")
	}
	set(read, "")
	if f := fault(); f != nil {
		t.Errorf("mended, fault is %q", *f)
	}
	for _, change := range []string{"acknowledge = 'true'", "reject = 'false'", "reject = null"} {
		h.exec("update orderbell.policy set " + change + " where name = 'webhook'")
		set(read, "old")
		if f := fault(); f != nil {
			t.Errorf("after %s: a worker that had not read it wrote %q", change, *f)
		}
		read = h.policies()["webhook"]
		set(read, "new")
		if f := fault(); f == nil || *f != "new" {
			t.Errorf("after %s, read again: fault is %v", change, f)
		}
	}
	h.exec("update orderbell.policy set acknowledge = 'status == 200' where name = 'webhook'")
	if f := fault(); f != nil {
		t.Errorf("a new rule has kept the fault %q", *f)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := outbox.Endpoint{ID: "m-0", URL: "https://zero.example/", Policy: "quick"}
	for _, want := range []bool{true, false} {
		if added, err := h.db.AddEndpoint(t.Context(), e, postgres.Changes{}); err != nil || added != want {
			t.Errorf("added %t, want %t, %v", added, want, err)
		}
		e.URL = "https://nil.example/"
	}
	for _, step := range []struct {
		limits postgres.Changes
		want   string
	}{
		{postgres.Changes{MaxInFlight: new(5)}, "5 null"},
		{postgres.Changes{Rate: new(0.1)}, "5 0.1"},
		{postgres.Changes{}, "5 0.1"},
		{postgres.Changes{MaxInFlight: new(0), Rate: new(20.0)}, "null 20"},
		{postgres.Changes{Rate: new(0.0)}, "null null"},
	} {
		if _, err := h.db.AddEndpoint(t.Context(), e, step.limits); err != nil {
			t.Fatal(err)
		}
		got := one[string](t, h.pool, "select concat_ws(' ', coalesce(max_in_flight::text, 'null'), coalesce(rate_per_second::text, 'null')) from orderbell.endpoint where id = 'm-0'")
		if got != step.want {
			t.Errorf("%+v: the limits are %s, want %s", step.limits, got, step.want)
		}
	}
	listed, err := h.db.ListEndpoints(t.Context())
	if err != nil || len(listed) != 2 || listed[0].ID != "m-0" || listed[0].URL != "https://nil.example/" || listed[1].ID != "m-1" {
		t.Errorf("listed %v, %v", listed, err)
	}
	if _, err := h.db.AddEndpoint(t.Context(), outbox.Endpoint{ID: "bad", URL: "ftp://x", Policy: "quick"}, postgres.Changes{}); err == nil {
		t.Error("a bad URL was taken")
	}
	if _, err := h.db.AddEndpoint(t.Context(), outbox.Endpoint{ID: "bad", URL: "http://x", Policy: "slow"}, postgres.Changes{}); err == nil {
		t.Error("an unknown policy was taken")
	}

	first, second := h.claimed("A1"), h.claimed("A1")
	h.settle(result(first, outbox.OutcomeTimeout), result(second, outbox.OutcomeAcknowledged))
	notifications, attempts, err := h.db.History(t.Context(), "A1")
	if err != nil || len(notifications) != 2 || notifications[0].ID != first.ID || notifications[1].State != "acknowledged" {
		t.Fatalf("history: %+v, %v", notifications, err)
	}
	if a := attempts[first.ID]; len(a) != 1 || a[0].Outcome != "timeout" || a[0].DurationMs != 25 || a[0].Worker != "w-1" {
		t.Errorf("attempts: %+v", a)
	}
	if notifications, attempts, err := h.db.History(t.Context(), "nothing"); err != nil || len(notifications) != 0 || len(attempts) != 0 {
		t.Errorf("history of nothing: %v, %v, %v", notifications, attempts, err)
	}
	if b, err := h.db.Backlog(t.Context()); err != nil || b.Waiting != 1 {
		t.Errorf("backlog: %+v, %v", b, err)
	}
	if err := h.db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
