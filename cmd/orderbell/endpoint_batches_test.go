package main_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is not named stays as it is, also where the check of an insert would refuse it.
func TestEndpointAddBatches(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const changed = "changed endpoint m-1: https://shop.example, policy standard"
	for _, step := range []struct {
		args        []string
		says, state string // batch_size, batch_wait, on_head_exhausted afterwards
	}{
		{[]string{"--batch-size", "20"}, "added endpoint m-1: https://shop.example, policy standard, up to 20 in a request\n", "20 00:00:00 skip"},
		{[]string{"--batch-wait", "1500ms"}, changed + ", batches wait 1.5s\n", "20 00:00:01.5 skip"},
		{nil, changed + "\n", "20 00:00:01.5 skip"},
		{[]string{"--batch-size", "2"}, changed + ", up to 2 in a request\n", "2 00:00:01.5 skip"},
		{[]string{"--batch-wait", "0"}, changed + ", batches wait for nobody\n", "2 00:00:00 skip"},
		{[]string{"--batch-size", "100", "--batch-wait", "30s"}, changed + ", up to 100 in a request, batches wait 30s\n", "100 00:00:30 skip"},
		{[]string{"--on-head-exhausted", "block"}, changed + ", an exhausted head blocks its sequence\n", "100 00:00:30 block"},
		{[]string{"--max-in-flight", "3"}, changed + ", 3 at once\n", "100 00:00:30 block"},
		// Nothing waits for a batch that is none.
		{[]string{"--batch-size", "0"}, changed + ", no batches\n", "00:00:00 block"},
		{[]string{"--on-head-exhausted", "skip"}, changed + ", an exhausted head is skipped\n", "00:00:00 skip"},
	} {
		got := run(t, s.env(), append([]string{"endpoint", "add", "m-1", "https://shop.example"}, step.args...)...)
		got.wants(t, 0, step.says, "")
		if state := s.get("select concat_ws(' ', batch_size, batch_wait, on_head_exhausted) from orderbell.endpoint"); state != step.state {
			t.Errorf("%v: the endpoint is %s, want %s", step.args, state, step.state)
		}
	}
	got := run(t, s.env(), "endpoint", "add", "m-1", "https://shop.example", "--batch-wait", "1s")
	got.wants(t, 1, "", "orderbell: endpoint m-1: batch_wait needs a batch_size\n")
}

func TestEndpointAddAction(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec("create schema shop")
	s.exec("create function shop.close_order(order_no text, body text) returns boolean return true")
	run(t, s.env(), "endpoint", "add", "a-1", "sql:shop.close_order").wants(t, 0, "added endpoint a-1: sql:shop.close_order, policy standard\n", "")
	got := run(t, s.env(), "endpoint", "add", "a-1", "sql:shop.close_order", "--batch-size", "5")
	got.wants(t, 1, "", "orderbell: endpoint a-1: an action has no batches\n")
}

// keyFile writes PEM of a key's public half, or of all of it, and returns path and text.
func keyFile(t *testing.T, kind string) (path, text string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var der []byte
	if kind == "PRIVATE KEY" {
		der, err = x509.MarshalPKCS8PrivateKey(key)
	} else {
		der, err = x509.MarshalPKIXPublicKey(&key.PublicKey)
	}
	if err != nil {
		t.Fatal(err)
	}
	raw := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	path = filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, string(raw)
}

func TestEndpointAddAnswerKey(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	public, text := keyFile(t, "PUBLIC KEY")
	add := func(key ...string) result {
		return run(t, s.env(), append([]string{"endpoint", "add", "m-1", "https://shop.example"}, key...)...)
	}
	const stored = "select coalesce(answer_key || chr(10), 'none') from orderbell.endpoint"
	for _, step := range []struct {
		key        []string
		says, want string
	}{
		{[]string{"--answer-key", public}, ", its answers are verified with this key\n", text},
		{nil, ", policy standard\n", text},
		{[]string{"--answer-key", ""}, ", no key for its answers\n", "none"},
	} {
		add(step.key...).wants(t, 0, step.says, "")
		if diff := cmp.Diff(step.want, s.get(stored)); diff != "" {
			t.Errorf("%v: the key differs:\n%s", step.key, diff)
		}
	}
	private, _ := keyFile(t, "PRIVATE KEY")
	empty := configFile(t, "\n")
	for path, says := range map[string]string{
		private: "the answer key in " + private + " is a private key; the public one of the other side is wanted\n",
		empty:   "the answer key in " + empty + " is empty, or longer than 16384 bytes\n",
	} {
		got := add("--answer-key", path)
		got.wants(t, 2, "", says)
		got.oneLine(t)
	}
	if got := s.get(stored); got != "none" {
		t.Errorf("stored is %q", got)
	}
}

func TestEndpointListShowsBatchesAndActions(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec("create function public.close_order(order_no text, body text) returns boolean return true")
	s.endpoint("m-1", "sql:public.close_order")
	s.exec("update orderbell.endpoint set signature = 'standard-webhooks' where id = 'm-1'") // which no action has
	s.exec(`insert into orderbell.endpoint (id, url, max_in_flight, batch_size, batch_wait, on_head_exhausted, answer_key)
		values ('m-2', 'https://two.example', 5, 20, '1.5 s', 'block', 'k')`)
	run(t, s.env(), "endpoint", "list").wants(t, 0, `id   policy    url                              signature  limits                                                                                      state
m-1  standard  sql:public.close_order (action)  none       none                                                                                        sending
m-2  standard  https://two.example              none       5 at once, up to 20 in a request, batches wait 1.5s, an exhausted head blocks its sequence  sending
`, "")
	want := map[string]any{"endpoints": []any{
		map[string]any{
			"id": "m-1", "url": "sql:public.close_order", "action": true, "policy": "standard", "breaker": "closed",
			"max_in_flight": nil, "rate_per_second": nil, "paused_at": nil, "signature": "none", "secrets": 0.0,
			"batch_size": nil, "batch_wait_seconds": 0.0, "on_head_exhausted": "skip", "has_answer_key": false,
		},
		map[string]any{
			"id": "m-2", "url": "https://two.example", "action": false, "policy": "standard", "breaker": "closed",
			"max_in_flight": 5.0, "rate_per_second": nil, "paused_at": nil, "signature": "none", "secrets": 0.0,
			"batch_size": 20.0, "batch_wait_seconds": 1.5, "on_head_exhausted": "block", "has_answer_key": true,
		},
	}}
	if diff := cmp.Diff(want, object(t, run(t, s.env(), "endpoint", "list", "--json"))); diff != "" {
		t.Errorf("the object differs:\n%s", diff)
	}
}

func TestEndpointUnblock(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec("insert into orderbell.endpoint (id, url, on_head_exhausted) values ('m-1', 'https://one.example', 'block'), ('m-2', 'https://two.example', 'block')")
	// In each sequence the head is gone, and the next was put off.
	s.exec(`insert into orderbell.notification (endpoint, event, order_no, body, sequence_key)
		select e, 'e', 'o-1', '{}', k from unnest(array['m-1', 'm-2']) e, unnest(array['a', 'b', 'c']) k`)
	s.exec("update orderbell.delivery set next_attempt_at = now() + interval '1 h'")
	s.exec("insert into orderbell.blocked (endpoint, sequence_key, seq, notification_id) select endpoint, sequence_key, 0, notification_id from orderbell.delivery")
	for _, step := range []struct {
		args       []string
		says, left string // blocked, and due
	}{
		{[]string{"m-1", "b"}, "endpoint m-1: 1 sequence goes on\n", "5 1"},
		{[]string{"m-1", "b"}, "endpoint m-1: sequence b does not stand still\n", "5 1"},
		{[]string{"m-1"}, "endpoint m-1: 2 sequences go on\n", "3 3"},
		{[]string{"m-1"}, "endpoint m-1: no sequence stands still\n", "3 3"},
	} {
		run(t, s.env(), append([]string{"endpoint", "unblock"}, step.args...)...).wants(t, 0, step.says, "")
		left := s.get("select (select count(*) from orderbell.blocked) || ' ' || (select count(*) from orderbell.delivery where next_attempt_at <= now())")
		if left != step.left {
			t.Errorf("%v: left are %s, want %s", step.args, left, step.left)
		}
	}
	got := run(t, s.env(), "endpoint", "unblock", "nobody")
	got.wants(t, 1, "", "orderbell: no endpoint nobody; orderbell endpoint list shows those that there are\n")
	got.oneLine(t)
}
