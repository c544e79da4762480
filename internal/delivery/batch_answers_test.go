package delivery_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/outbox"
)

// An answer with an element for each is judged element by element.
func TestBatchOneByOne(t *testing.T) {
	t.Parallel()
	const object = `lower(trim(body)) == "success" || json("ok") == true`
	for _, c := range []struct {
		rule, answer string
		n            int
		want         string
	}{
		{standard, `["success","SUCCESS \n","fail","","success!"]`, 5, "++---"},
		{standard, " \r\n[ \"suc\\u0063ess\" , \"fail\" ]\n", 2, "+-"},
		{standard, "\ufeff[\"success\",\"fail\"]", 2, "+-"},
		{standard, `["success"]`, 1, "+"},
		{standard, `success`, 1, "+"},
		{object, `[{"ok":true},{"ok": false},"success",null,1,["success"],{"ok":true,"ok":false},{"ok":false,"ok":true},{"a":{"ok":true}}]`, 9, "+-+----+-"},
		{`json("code") == 12345678901234567890.10`, `[{"code":12345678901234567890.10},{"code":1}]`, 2, "+-"},
		{`body == "null"`, `[null,"null"]`, 2, "++"},
		{`body == "{\"a\":[1.00,2]}"`, `[{ "a" : [ 1.00 , 2 ] }, "{\"a\":[1.00,2]}", {"a":[1,2]}]`, 3, "++-"},
		{`status == 200`, `["fail","fail"]`, 2, "++"},
		{`header("X-A") == "b" && body == "x"`, `["x","y"]`, 2, "+-"},
	} {
		m := merchanttest.New(t)
		m.Script("", merchanttest.Answer{Body: c.answer, Header: http.Header{"X-A": {"b"}}})
		claims := some(c.n, m.URL)
		for _, claim := range claims {
			claim.Policy.Acknowledge, claim.Alone = c.rule, true
		}
		results := newCourier(t, nil).DeliverBatch(t.Context(), claims)
		if got := outcomes(results); got != c.want {
			t.Errorf("%s: %s, want %s", c.answer, got, c.want)
		}
		if len(m.Requests()) != 1 {
			t.Errorf("%d requests", len(m.Requests()))
		}
	}
}

// What each was answered is its own; a rejection too.
func TestBatchTellsEachItsOwn(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	m.Script("", merchanttest.Answer{Body: `["success",{"a" : "no\u0000"},"gone"]`})
	claims := some(3, m.URL)
	for i, c := range claims {
		c.Policy.Reject, c.Alone = `body == "gone"`, i != 0
	}
	results := newCourier(t, nil).DeliverBatch(t.Context(), claims)
	want(t, results[0], outbox.OutcomeAcknowledged, 200, "")
	want(t, results[1], outbox.OutcomeAnswered, 200, `status 200 with "{\"a\":\"no\\u0000\"}" (16 bytes), which is not "success"`)
	want(t, results[2], outbox.OutcomeRejected, 200, `status 200: the policy's reject rule is true: body == "gone"`)
	var got []string
	for _, r := range results {
		got = append(got, r.Excerpt, r.Answer)
	}
	if diff := cmp.Diff([]string{"success", "", `{"a":"no\u0000"}`, `{"a":"no\u0000"}`, "gone", "gone"}, got); diff != "" {
		t.Error(diff)
	}
}

// Any other answer is everybody's, whatever it looks like.
func TestBatchHostileAnswers(t *testing.T) {
	t.Parallel()
	long := `["success","` + strings.Repeat("x", 16<<10) + `"]`
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
		says   string
	}{
		"one too few":     {200, `["success"]`, "--", `status 200 with "[\"success\"]"`},
		"one too many":    {200, `["success","success","success"]`, "--", "status 200"},
		"none":            {200, `[]`, "--", "status 200"},
		"nested":          {200, `[["success","success"]]`, "--", "status 200"},
		"nested each":     {200, `[["success"],["success"]]`, "--", "status 200"},
		"two arrays":      {200, `["success","success"]["success","success"]`, "--", "status 200"},
		"something after": {200, `["success","success"]x`, "--", "status 200"},
		"a comma after":   {200, `["success","success",]`, "--", "status 200"},
		"an object":       {200, `{"0":"success","1":"success"}`, "--", "status 200"},
		"null":            {200, `null`, "--", "status 200"},
		"over 16 KB":      {200, long, "--", "over the size cap of 16384 bytes"},
		"blanks over it":  {200, `["success","success"]` + strings.Repeat(" ", 17<<10), "--", "over the size cap of 16384 bytes"},
		"deep":            {200, strings.Repeat("[", 16_000), "--", "status 200"},
		"invalid UTF-8":   {200, "[\"success\",\"suc\xffcess\"]", "+-", ""},
		"invalid beside":  {200, "\xff[\"success\",\"success\"]", "--", "status 200"},
		"a lone half":     {200, `["success","\ud800success"]`, "+-", ""},
		"a NUL":           {200, "[\"success\",\"success\x00\"]", "--", "status 200"},
		"an escaped NUL":  {200, `["success","success\u0000"]`, "+-", ""},
		"success":         {200, "success", "++", ""},
		"a status":        {500, `["success","success"]`, "--", "status 500"},
	} {
		m := merchanttest.New(t)
		m.Script("", merchanttest.Answer{Status: c.status, Body: c.body})
		results := newCourier(t, nil).DeliverBatch(t.Context(), some(2, m.URL))
		if got := outcomes(results); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		for _, r := range results {
			checkResult(t, r)
			if !strings.Contains(r.Error, c.says) {
				t.Errorf("%s: %s", name, r.Error)
			}
		}
	}
}

// What goes wrong with a request is everybody's.
func TestBatchFailsTogether(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	for name, c := range map[string]struct {
		answer merchanttest.Answer
		change func(*outbox.Claim)
		want   outbox.Result
	}{
		"busy": {
			answer: merchanttest.Answer{Status: 503, Body: `["success","success"]`, Header: http.Header{"Retry-After": {"7"}}},
			want:   outbox.Result{Outcome: outbox.OutcomeAnswered, HTTPStatus: 503, RetryAfter: 7 * time.Second},
		},
		"gone": {
			answer: merchanttest.Answer{Status: 410}, change: func(c *outbox.Claim) { c.Policy.Reject = "status == 410" },
			want: outbox.Result{Outcome: outbox.OutcomeRejected, HTTPStatus: 410},
		},
		"cut short": {answer: merchanttest.Broken(merchanttest.CutShort), want: outbox.Result{Outcome: outbox.OutcomeUnreachable, HTTPStatus: 200}},
		"reset":     {answer: merchanttest.Broken(merchanttest.Close), want: outbox.Result{Outcome: outbox.OutcomeUnreachable}},
		"silent": {
			answer: merchanttest.Broken(merchanttest.Hang), change: func(c *outbox.Claim) { c.Policy.Timeout = 100 * time.Millisecond },
			want: outbox.Result{Outcome: outbox.OutcomeTimeout},
		},
		"a bad header": {change: func(c *outbox.Claim) { c.Headers = map[string]string{"X": "\n"} }, want: outbox.Result{Outcome: outbox.OutcomeRejected}},
		"a bad rule":   {change: func(c *outbox.Claim) { c.Policy.Acknowledge = "x" }, want: outbox.Result{Outcome: outbox.OutcomeInterrupted}},
		"no secret":    {change: func(c *outbox.Claim) { c.Signature = "standard-webhooks" }, want: outbox.Result{Outcome: outbox.OutcomeInterrupted, Parked: true}},
	} {
		m.Script("", c.answer)
		claims := some(2, m.URL)
		for _, claim := range claims {
			if claim.Alone = true; c.change != nil {
				c.change(claim)
			}
		}
		for _, r := range newCourier(t, nil).DeliverBatch(t.Context(), claims) {
			got := outbox.Result{Outcome: r.Outcome, HTTPStatus: r.HTTPStatus, RetryAfter: r.RetryAfter, Parked: r.Parked}
			if diff := cmp.Diff(c.want, got); diff != "" || r.Error == "" || r.Elapsed <= 0 {
				t.Errorf("%s: %s %+v", name, diff, r)
			}
		}
	}
}

// When the worker stops, those whose request is not over are handed back.
func TestBatchIsInterrupted(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	ctx, stop := context.WithCancel(t.Context())
	m.Script("/2", merchanttest.Broken(merchanttest.Hang))
	claims := slices.Concat(some(2, m.URL+"/1"), some(2, m.URL+"/2"), some(2, m.URL+"/3"))
	results := make(chan []outbox.Result)
	courier := newCourier(t, nil)
	go func() { results <- courier.DeliverBatch(ctx, claims) }()
	m.Wait(t.Context(), 2)
	stop()
	got := <-results
	if outcomes(got[:2]) != "++" || len(m.Requests()) != 2 {
		t.Errorf("%+v", got)
	}
	for _, r := range got[2:] {
		if r.Outcome != outbox.OutcomeInterrupted || r.Ours || r.Parked {
			t.Errorf("%+v", r)
		}
	}
}
