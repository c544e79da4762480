package main_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEndpointAdd(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const url = "https://shop.example/notify"
	for _, step := range []struct {
		args  []string
		says  string
		state string // id, url, policy and limits afterwards
	}{
		{[]string{"m-1", url}, "added endpoint m-1: " + url + ", policy standard\n", "m-1 " + url + " standard"},
		{[]string{"m-1", url + "/2", "--policy", "alipay"}, "changed endpoint m-1: " + url + "/2, policy alipay\n", "m-1 " + url + "/2 alipay"},
		// A new URL alone leaves the policy as it was.
		{[]string{"m-1", url}, "changed endpoint m-1: " + url + ", policy alipay\n", "m-1 " + url + " alipay"},
		{[]string{"m-1", url, "--max-in-flight", "5"}, "changed endpoint m-1: " + url + ", policy alipay, 5 at once\n", "m-1 " + url + " alipay 5"},
		{[]string{"m-1", url, "--rate", "0.5"}, "changed endpoint m-1: " + url + ", policy alipay, 0.5 a second\n", "m-1 " + url + " alipay 5 0.5"},
		{[]string{"m-1", url}, "changed endpoint m-1: " + url + ", policy alipay\n", "m-1 " + url + " alipay 5 0.5"},
		{[]string{"m-1", url, "--rate", "0", "--max-in-flight", "0"}, "policy alipay, any number at once, any number a second\n", "m-1 " + url + " alipay"},
	} {
		got := run(t, s.env(), append([]string{"endpoint", "add"}, step.args...)...)
		got.wants(t, 0, step.says, "")
		if state := s.get("select concat_ws(' ', id, url, policy, max_in_flight, rate_per_second) from orderbell.endpoint"); state != step.state {
			t.Errorf("%v: the endpoint is %s, want %s", step.args, state, step.state)
		}
	}
}

func TestEndpointAddRefuses(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, test := range []struct {
		name string
		args []string
		says string
	}{
		{"bad URL", []string{"m-1", "shop.example"}, "orderbell: endpoint m-1: url does not begin with http:// or https://\n"},
		{"action that is not there", []string{"m-1", "sql:shop.close"}, "orderbell: endpoint m-1: there is no function shop.close(text, text)\n"},
		{"action that is no boolean", []string{"m-1", "sql:orderbell.pause"}, "orderbell: endpoint m-1: pause(text,text) is no function (text, text) returns boolean\n"},
		{"action without a schema", []string{"m-1", "sql:close"}, "orderbell: endpoint m-1: url is no sql:schema.function\n"},
		{"wait without batches", []string{"m-1", "https://shop.example", "--batch-wait", "1s"}, "orderbell: endpoint m-1: batch_wait needs a batch_size\n"},
		{"answer key that is not there", []string{"m-1", "https://shop.example", "--answer-key", "/nonexistent/key.pem"}, "orderbell: read the answer key: open /nonexistent/key.pem: no such file"},
		{
			"unknown policy",
			[]string{"m-1", "https://shop.example", "--policy", "gentle"},
			"orderbell: no policy gentle; there are: alipay, question, quick, standard, webhook, wechatpay\n",
		},
		{"empty policy", []string{"m-1", "https://shop.example", "--policy", ""}, "there are: alipay"},
		{"empty id", []string{"", "https://shop.example"}, "violates check constraint"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := run(t, s.env(), append([]string{"endpoint", "add"}, test.args...)...)
			got.wants(t, 1, "", test.says)
			got.oneLine(t)
		})
	}
	if n := s.get("select count(*)::text from orderbell.endpoint"); n != "0" {
		t.Errorf("%s endpoints were written", n)
	}
}

func TestEndpointList(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	if diff := cmp.Diff(map[string]any{"endpoints": []any{}}, object(t, run(t, s.env(), "endpoint", "list", "--json"))); diff != "" {
		t.Errorf("the empty object differs:\n%s", diff)
	}
	s.endpoint("m-2", "https://two.example")
	s.endpoint("m-1", "https://one.example")
	s.endpoint("m-3", "https://three.example")
	s.endpoint("m-4", "https://four.example")
	s.exec("update orderbell.endpoint set max_in_flight = 5, rate_per_second = 0.5 where id = 'm-2'")
	s.exec("update orderbell.endpoint set paused_at = '2026-11-20 10:00:00Z', pause_reason = 'they move', rate_per_second = 100 where id = 'm-3'")
	s.exec("update orderbell.endpoint set paused_at = '2026-11-20 10:00:00Z' where id = 'm-4'")
	for id, probing := range map[string]string{"m-2": "null", "m-4": "null", "m-5": "now() + interval '1 h'"} {
		s.exec(`insert into orderbell.breaker (endpoint, opened_at, probe_at, probing_until, reason, opened_by)
			values ('` + id + `', '2026-11-20 11:00:00Z', '2026-11-20 11:00:05Z', ` + probing + `, 'refused', 'w-1')`)
	}
	s.endpoint("m-5", "https://five.example")
	run(t, s.env(), "endpoint", "list").wants(t, 0, `id   policy    url                    signature  limits                   state
m-1  standard  https://one.example    none       none                     sending
m-2  standard  https://two.example    none       5 at once, 0.5 a second  breaker open since 2026-11-20 11:00:00 UTC (refused), next probe at 2026-11-20 11:00:05 UTC
m-3  standard  https://three.example  none       100 a second             paused since 2026-11-20 10:00:00 UTC because they move
m-4  standard  https://four.example   none       none                     paused since 2026-11-20 10:00:00 UTC
m-5  standard  https://five.example   none       none                     breaker open since 2026-11-20 11:00:00 UTC (refused), a probe is being sent
`, "")
	s.exec("delete from orderbell.endpoint where id in ('m-4', 'm-5')")
	row := func(id, number, breaker string) map[string]any {
		return map[string]any{
			"id": id, "url": "https://" + number + ".example", "policy": "standard", "breaker": breaker,
			"max_in_flight": nil, "rate_per_second": nil, "paused_at": nil, "signature": "none", "secrets": 0.0,
			"action": false, "batch_size": nil, "batch_wait_seconds": 0.0, "on_head_exhausted": "skip", "has_answer_key": false,
		}
	}
	one, two, three := row("m-1", "one", "closed"), row("m-2", "two", "open"), row("m-3", "three", "closed")
	maps.Copy(two, map[string]any{
		"max_in_flight": 5.0, "rate_per_second": 0.5,
		"opened_at": "2026-11-20T11:00:00Z", "opened_because": "refused", "probe_at": "2026-11-20T11:00:05Z",
	})
	maps.Copy(three, map[string]any{"rate_per_second": 100.0, "paused_at": "2026-11-20T10:00:00Z", "pause_reason": "they move"})
	want := map[string]any{"endpoints": []any{one, two, three}}
	if diff := cmp.Diff(want, object(t, run(t, s.env(), "endpoint", "list", "--json"))); diff != "" {
		t.Errorf("the object differs:\n%s", diff)
	}
}

func TestEndpointPauseAndResume(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.endpoint("m-1", "https://one.example")
	const state = "select concat_ws(' ', paused_at is not null, pause_reason) from orderbell.endpoint"
	for _, step := range []struct {
		args        []string
		says, state string
	}{
		{[]string{"pause", "m-1"}, "endpoint m-1 is paused: its rows are kept until orderbell endpoint resume\n", "t"},
		{[]string{"pause", "m-1", "--reason", "they move"}, "endpoint m-1 is paused: its rows are kept until orderbell endpoint resume\n", "t they move"},
		{[]string{"resume", "m-1"}, "endpoint m-1 goes on: what is due will be sent\n", "f"},
		{[]string{"resume", "m-1"}, "endpoint m-1 goes on: what is due will be sent\n", "f"},
	} {
		run(t, s.env(), append([]string{"endpoint"}, step.args...)...).wants(t, 0, step.says, "")
		if got := s.get(state); got != step.state {
			t.Errorf("%v: it is %q, want %q", step.args, got, step.state)
		}
	}
	for _, command := range []string{"pause", "resume"} {
		got := run(t, s.env(), "endpoint", command, "nobody")
		got.wants(t, 1, "", `orderbell: unknown endpoint "nobody"; orderbell.endpoint has 1, among them "m-1"`+"\n")
		got.oneLine(t)
	}
	s.exec("delete from orderbell.endpoint")
	run(t, s.env(), "endpoint", "pause", "m-1").wants(t, 1, "", "add one with: orderbell endpoint add ID URL")
}
