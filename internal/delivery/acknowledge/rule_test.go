package acknowledge_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/orderbell/orderbell/internal/delivery/acknowledge"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func mustCompile(t testing.TB, text string) *acknowledge.Rule {
	t.Helper()
	r, err := acknowledge.Compile(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

func TestRules(t *testing.T) {
	t.Parallel()
	const alipayFinal = `json("alipay_trade_query_response.trade_status") in ["TRADE_SUCCESS", "TRADE_FINISHED", "TRADE_CLOSED"]`
	header := http.Header{"X-Paid": {"yes", "no"}}
	for _, c := range []struct {
		rule, body string
		want       bool
	}{
		{"false", "success", false},
		{"true", "", true},
		{"status == 200", "", true},
		{`status in [200, 204]`, "", true},
		{`body == "a" || body == "b"`, "b", true},
		{`header("x-PAID") == "yes"`, "", true},
		{`header("X-Absent") == ""`, "", true},
		{`trim(body) == "ok"`, "\u00a0\ufeff \r\n ok\ufeff\n", true},
		{`trim(body, "x") == "ok"`, "xxokx", true},
		{`body | trim() | lower() == "ok"`, " OK", true},
		{`not (body contains "fail")`, "failed", false},
		{`body matches "(?i)^succ"`, "SUCCESS", true},
		{`len(body) > 2 ? body[:2] == "ok" : false`, "okay", true},
		{alipayFinal, `{"alipay_trade_query_response":{"trade_status":"TRADE_CLOSED"}}`, true},
		{alipayFinal, `{"alipay_trade_query_response":{"trade_status":"WAIT_BUYER_PAY"}}`, false},
		{alipayFinal, `{"alipay_trade_query_response":[]}`, false},
		{alipayFinal, `no json`, false},
		{`json("code") == 0`, `{"code":0}`, true},
		{`json("code") == 0`, `{"code":0.0}`, true},
		{`json("code") == 0`, `{"code":"0"}`, false},
		{`json("code") == 0`, `{}`, false},
		{`json("id") == 9007199254740993`, `{"id":9007199254740993}`, true},
		{`json("id") == 9007199254740993`, `{"id":9007199254740992}`, false},
		{`json("a.1.b") == true`, `{"a":[0,{"b":true}]}`, true},
		{`json("a.2") == nil && json("a.-1") == nil && json("a.x") == nil`, `{"a":[0,1]}`, true},
		{`json("a.0") == "x"`, `{"a":{"0":"x"}}`, true},
		{`json("") == "success"`, "\ufeff\"success\"", true},
		{`json("a") == nil`, `{"a":1} trailing`, true},
		{`json("a").b == 3`, `{"a":{"b":3}}`, true},
		{`json("a")?.b == nil`, `{}`, true},
		{`json("big") > 1`, `{"big":1e99}`, true},
	} {
		got, err := mustCompile(t, c.rule).True(acknowledge.Answer{Status: 200, Header: header, Body: c.body})
		if err != nil || got != c.want {
			t.Errorf("%s of %q: got %v, %v", c.rule, c.body, got, err)
		}
	}
}

func TestRulesThatDoNotCompile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rule, want string }{
		{"", "the rule is empty"},
		{" \n", "the rule is empty"},
		{strings.Repeat("!", 5000) + "true", "5004 bytes, at most 4096"},
		{"status = 200", "column 8"},
		{"stats == 200", "unknown name stats (column 1)"},
		{"status == 200 &&\n boddy == \"\"", "unknown name boddy (line 2, column 2)"},
		{`status == "200"`, "mismatched types int and string"},
		{`body == 200`, "mismatched types string and int"},
		{"status", "expected bool, but got int"},
		{`json("paid")`, "expected bool"},
		{`header(1) == ""`, "cannot use int as argument"},
		{`header() == ""`, "not enough arguments"},
		{`trim(1) == ""`, "to call trim"},
		{`now() != nil`, "unknown name now"},
		{`repeat(body, 1000000) == ""`, "unknown name repeat"},
		{`replace(body, "", body) == ""`, "unknown name replace"},
		{`all(1..1000, # > 0)`, "rules have no"},
		{`len(1..1000000) > 0`, "rules have no operator .."},
		{`let a = body + body; a == ""`, "rules have no variables"},
		{`{"a": 1}.a == 1`, "rules have no variables, maps"},
		{`2 ** 8 == 256`, "rules have no operator **"},
		{`$env.status == 200`, "rules have no $env"},
		{`body matches body`, "matches needs a constant pattern"},
		{`body matches "("`, "missing closing )"},
		{`body matches "(abcdefgh){100}"`, "patterns are too large"},
		{strings.Repeat("status == 200 || ", 100) + "true", "exceeds maximum allowed nodes"},
	} {
		_, err := acknowledge.Compile(c.rule)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60s: got %v, want %s", c.rule, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "\n") || len(err.Error()) > 300) {
			t.Errorf("%.60s: the error is no short line: %q", c.rule, err)
		}
	}
}

func TestRulesThatFail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rule, body, want string }{
		{`json("a") > 3`, `{}`, "<nil>"},
		{`json("a").b == 1`, `{}`, "cannot fetch b from <nil>"},
		{`lower(json("a")) == "x"`, `{"a":1}`, "is int, not string"},
		{`trim(json("a")) == "x"`, `{"a":1}`, "trim needs text, not int"},
		{`int(body) == 3`, `x`, "int(x)"},
		{`status % (status - 200) == 1`, ``, "divide by zero"},
	} {
		got, err := mustCompile(t, c.rule).True(acknowledge.Answer{Status: 200, Body: c.body})
		if got || err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, %q", c.rule, got, err)
		}
	}
}

func TestRulesAreSharedBetweenGoroutines(t *testing.T) {
	t.Parallel()
	r := mustCompile(t, `status == 200 && lower(trim(body)) == "success" || json("ok") == true`)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				yes, err := r.True(acknowledge.Answer{Status: 200, Body: " Success"})
				no, err2 := r.True(acknowledge.Answer{Status: 500, Body: `{"ok":false}`})
				if !yes || no || err != nil || err2 != nil {
					t.Errorf("got %v %v %v %v", yes, no, err, err2)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		"", "true", `status == 200 && lower(trim(body)) == "success"`, `json("a.b") in ["x"]`, `header("a")?.b ?? 1 == 1`,
		`body matches "a{10}"`, `body[1:2][0] == "x"`, `((((`, `"\xff" == body`, `-status--1 > 1 ? true : false`, `if true { true } else { false }`,
	} {
		f.Add(s, "success")
	}
	f.Fuzz(func(t *testing.T, text, body string) {
		r, err := acknowledge.Compile(text)
		if err != nil {
			if s := err.Error(); strings.Contains(s, "\n") {
				t.Errorf("not one line: %q", s)
			}
			return
		}
		a := acknowledge.Answer{Status: 200, Body: body}
		if yes, err := r.True(a); yes && err != nil {
			t.Errorf("true, and an error: %v", err)
		}
		r.Explain(a)
	})
}
