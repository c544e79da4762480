package acknowledge_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/orderbell/orderbell/internal/delivery/acknowledge"
)

// The rules of the policies that a fresh database has.
const (
	standard  = `status == 200 && lower(trim(body)) == "success"`
	alipay    = `status == 200 && body == "success"`
	wechatpay = `status in [200, 204]`
	webhook   = `status >= 200 && status < 300`
	gone      = `status == 410`
)

// TestWhatCountsAsWhat holds the table of the package documentation. An empty
// explanation means that the answer counts.
func TestWhatCountsAsWhat(t *testing.T) {
	t.Parallel()
	rules := []*acknowledge.Rule{
		mustCompile(t, standard), mustCompile(t, alipay), mustCompile(t, wechatpay), mustCompile(t, webhook),
	}
	for _, c := range []struct {
		status           int
		body             string
		counts           string // standard, alipay, wechatpay, webhook
		standard, alipay string
	}{
		{200, "success", "yyyy", "", ""},
		{200, "success\n", "ynyy", "", `status 200 with "success\n" (8 bytes), which is not "success": whitespace around it`},
		{200, " success\r\n", "ynyy", "", `status 200 with " success\r\n" (10 bytes), which is not "success": whitespace around it`},
		{200, "\ufeffsuccess", "ynyy", "", `status 200 with "\ufeffsuccess" (10 bytes), which is not "success": it begins with a byte order mark`},
		{200, "\ufeffsuccess\n", "ynyy", "", `status 200 with "\ufeffsuccess\n" (11 bytes), which is not "success": it begins with a byte order mark, whitespace around it`},
		{200, "SUCCESS", "ynyy", "", `status 200 with "SUCCESS" (7 bytes), which is not "success": in another letter case`},
		{200, "Success ", "ynyy", "", `status 200 with "Success " (8 bytes), which is not "success": whitespace around it, in another letter case`},
		{200, "SUCCESS!", "nnyy", `status 200 with "SUCCESS!" (8 bytes), which is not "success": more text around it`, "="},
		{200, `"success"`, "nnyy", `status 200 with "\"success\"" (9 bytes), which is not "success": in quotes`, "="},
		{200, `'SUCCESS'`, "nnyy", `status 200 with "'SUCCESS'" (9 bytes), which is not "success": in quotes, in another letter case`, "="},
		{200, "success\x00", "nnyy", `status 200 with "success\x00" (8 bytes), which is not "success": control characters around it`, "="},
		{200, "s\x00u\x00c\x00c\x00e\x00s\x00s\x00", "nnyy", `status 200 with "s\x00u\x00c\x00c\x00e\x00s\x00s\x00" (14 bytes), which is not "success": it is UTF-16, not UTF-8`, "="},
		{200, "\xfe\xff\x00s\x00u\x00c\x00c\x00e\x00s\x00s", "nnyy", `status 200 with "\xfe\xff\x00s\x00u\x00c\x00c\x00e\x00s\x00s" (16 bytes), which is not "success": it is UTF-16, not UTF-8`, "="},
		{200, "<html><body>success</body></html>", "nnyy", `status 200 with "<html><body>success</body></html>" (33 bytes), which is not "success": inside HTML`, "="},
		{200, `{"code":"SUCCESS"}`, "nnyy", `status 200 with "{\"code\":\"SUCCESS\"}" (18 bytes), which is not "success": inside JSON`, "="},
		{200, "", "nnyy", `status 200 with an empty body, which is not "success"`, "="},
		{200, "fail", "nnyy", `status 200 with "fail" (4 bytes), which is not "success"`, "="},
		{204, "", "nnyy", `status 204 with an empty body, which is not "success"`, "="},
		{201, "success", "nnny", `status 201 with "success" (7 bytes): with status 200 it would count`, "="},
		{500, "success", "nnnn", `status 500 with "success" (7 bytes): with status 200 it would count`, "="},
		{500, "x", "nnnn", `status 500 with "x" (1 byte), which is not "success"`, "="},
	} {
		a := acknowledge.Answer{Status: c.status, Body: c.body}
		for i, r := range rules {
			got, err := r.True(a)
			if err != nil || got != (c.counts[i] == 'y') {
				t.Errorf("%d %q under %s: got %v, %v", c.status, c.body, r, got, err)
			}
		}
		if c.alipay == "=" {
			c.alipay = c.standard
		}
		for i, want := range []string{c.standard, c.alipay} {
			if got := rules[i].Explain(a); want != "" && got != want {
				t.Errorf("%s\n got %s\nwant %s", rules[i], got, want)
			}
		}
	}
}

func TestExplainsOtherRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule   string
		status int
		body   string
		want   string
	}{
		{webhook, 404, "nope", `status 404 with "nope" (4 bytes); the rule is: status >= 200 && status < 300`},
		{gone, 200, "", `status 200 with an empty body; the rule is: status == 410`},
		{`trim(body) in ["OK", "200"]`, 200, "ok", `status 200 with "ok" (2 bytes), which is not "OK": in another letter case`},
		{`body == "OK" || body == "yes"`, 200, "no", `status 200 with "no" (2 bytes), which is not "OK" or "yes"`},
		{`json("n") > 1`, 200, "{}", `status 200 with "{}" (2 bytes); the rule cannot be evaluated: invalid operation: <nil> > int (column 11)`},
		{`json("n")  ==
		  1`, 200, "{}", `status 200 with "{}" (2 bytes); the rule is: json("n") == 1`},
		{
			alipay, 200, strings.Repeat("é", 100),
			`status 200 with "` + strings.Repeat("é", 40) + `"… (200 bytes), which is not "success"`,
		},
	} {
		if got := mustCompile(t, c.rule).Explain(acknowledge.Answer{Status: c.status, Body: c.body}); got != c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	for _, s := range []string{"", "success", "\ufeff SUCCESS\n", "\xff\xfes\x00", `{"a":[1,2,{"b":null}]}`, `"`, "<p>success", "\x00\x00", `[[[[`} {
		f.Add(200, s)
	}
	var rules []*acknowledge.Rule
	for _, text := range []string{standard, alipay, wechatpay, webhook, gone, `json("a.0.b") in ["x", 1]`, `json("").a > 2`} {
		rules = append(rules, mustCompile(f, text))
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		a := acknowledge.Answer{Status: status, Body: body}
		for _, r := range rules {
			yes, err := r.True(a)
			if yes && err != nil {
				t.Errorf("%s: true, and an error: %v", r, err)
			}
			text := r.Explain(a)
			if !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\n") || len(text) > 2000 {
				t.Errorf("%s: unfit for a history: %q", r, text)
			}
		}
		exact, _ := rules[1].True(a)
		if lenient, _ := rules[0].True(a); exact && !lenient {
			t.Errorf("alipay accepts %q and standard does not", body)
		}
	})
}
