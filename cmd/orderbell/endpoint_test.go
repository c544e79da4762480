package main_test

import (
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
		state string // id, url, policy afterwards
	}{
		{[]string{"m-1", url}, "added endpoint m-1: " + url + ", policy standard\n", "m-1 " + url + " standard"},
		{[]string{"m-1", url + "/2", "--policy", "alipay"}, "changed endpoint m-1: " + url + "/2, policy alipay\n", "m-1 " + url + "/2 alipay"},
		// A new URL alone leaves the policy as it was.
		{[]string{"m-1", url}, "changed endpoint m-1: " + url + ", policy alipay\n", "m-1 " + url + " alipay"},
	} {
		got := run(t, s.env(), append([]string{"endpoint", "add"}, step.args...)...)
		got.wants(t, 0, step.says, "")
		if state := s.get("select concat_ws(' ', id, url, policy) from orderbell.endpoint"); state != step.state {
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
		{"action", []string{"m-1", "sql:shop.close"}, "orderbell: endpoint m-1: an action (sql:) is not in this release\n"},
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
	run(t, s.env(), "endpoint", "list").wants(t, 0,
		"id   policy    url\nm-1  standard  https://one.example\nm-2  standard  https://two.example\n", "")
	want := map[string]any{"endpoints": []any{
		map[string]any{"id": "m-1", "url": "https://one.example", "policy": "standard"},
		map[string]any{"id": "m-2", "url": "https://two.example", "policy": "standard"},
	}}
	if diff := cmp.Diff(want, object(t, run(t, s.env(), "endpoint", "list", "--json"))); diff != "" {
		t.Errorf("the object differs:\n%s", diff)
	}
}
