package delivery

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// Tests of the pure parts, which cannot be fuzzed through real connections.

func TestForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ object, want string }{
		{`{}`, ""},
		{" \n{ }\n", ""},
		{`{"b":"2","a":"1"}`, "b=2&a=1"},
		{`{"a":1,"a":2,"a":null,"a":"3"}`, "a=1&a=2&a=3"},
		{`{"n":1.10,"big":12345678901234567890,"e":1E+2,"neg":-0}`, "n=1.10&big=12345678901234567890&e=1E%2B2&neg=-0"},
		{`{"t":true,"f":false,"z":null,"e":""}`, "t=true&f=false&e="},
		{`{"o":{ "b" : [1, 2.50 , null] , "a":"<&>"},"l":[ ]}`, "o=%7B%22b%22%3A%5B1%2C2.50%2Cnull%5D%2C%22a%22%3A%22%3C%26%3E%22%7D&l=%5B%5D"},
		{`{"a b":"c d+&=","é":"支付"}`, "a+b=c+d%2B%26%3D&%C3%A9=%E6%94%AF%E4%BB%98"},
		{`{"\u0061":"\n\u0000\""}`, "a=%0A%00%22"},
		{`{"":"x"}`, "=x"},
	} {
		if got, err := form(c.object); err != nil || got != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.object, got, err, c.want)
		}
	}
	for _, c := range []struct{ object, want string }{
		{"", "it is no JSON"},
		{"x=1", "it is no JSON"},
		{"\ufeff{}", "it is no JSON"},
		{`{"a":1`, "it is no JSON"},
		{`{"a":1,}`, "it is no JSON"},
		{`{"a"}`, "it is no JSON"},
		{`{"a":tru}`, "it is no JSON"},
		{`{1:2}`, "it is no JSON"},
		{`{"a":1]`, "it is no JSON"},
		{`[{"a":1}]`, "it is another JSON value"},
		{`"a"`, "it is another JSON value"},
		{`null`, "it is another JSON value"},
		{`{} {}`, "something follows the object"},
		{`{"a":1} x`, "something follows the object"},
	} {
		if got, err := form(c.object); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %q, %v", c.object, got, err)
		}
	}
}

func FuzzForm(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1,"b":[{}],"a":null,"c":"\ud800"}`, `{"a":-1.5e9,"":true}`, `[`, `{"a":1}}`, " {\"é\"\t:\n\"\\u0000\" } "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, object string) {
		got, err := form(object)
		var members map[string]json.RawMessage
		isObject := json.Unmarshal([]byte(object), &members) == nil && members != nil
		if isObject != (err == nil) {
			t.Fatalf("%q: an object is %v, and the error is %v", object, isObject, err)
		}
		values, parseErr := url.ParseQuery(got)
		if parseErr != nil {
			t.Fatalf("%q became %q: %v", object, got, parseErr)
		}
		for name := range members {
			if string(members[name]) != "null" && !values.Has(name) {
				t.Errorf("%q lost %q: %q", object, name, got)
			}
		}
	})
}

func TestTarget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, host, line string }{
		{"https://shop.example", "shop.example", "/"},
		{"https://shop.example/a?b=%zz&&c;d=[]\"'#f", "shop.example", "/a?b=%zz&&c;d=[]\"'"},
		{"https://shop.example/a b?c d=é", "shop.example", "/a%20b?c%20d=%C3%A9"},
		{"HTTPS://shop.example?", "shop.example", "/?"},
		{"http://[::1]:80/x", "[::1]:80", "/x"},
	} {
		u, err := target(c.text)
		if err != nil || u.Host != c.host || u.RequestURI() != c.line {
			t.Errorf("%s: got %v %v", c.text, u, err)
		}
	}
}

func FuzzTarget(f *testing.F) {
	for _, s := range []string{"https://a/b?c d", "http://u:p@h", "http:/x", "://", "https://支付.example/é", "http://h/\x00", "http://[::1%25eth0]/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := target(text)
		if err != nil {
			return
		}
		if line := u.RequestURI(); strings.ContainsAny(line, " \r\n\t") || u.Hostname() == "" {
			t.Errorf("%q makes the request line %q", text, line)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	date := func(d time.Duration) string { return at.Add(d).Format(http.TimeFormat) }
	for _, c := range []struct {
		status      int
		value, date string
		want        time.Duration
	}{
		{429, "0", "", 0},
		{429, "120", "", 2 * time.Minute},
		{503, " 120 ", "", 2 * time.Minute},
		{503, "007", "", 7 * time.Second},
		{200, "120", "", 0},
		{500, "120", "", 0},
		{429, "", "", 0},
		{429, "-5", "", 0},
		{429, "+5", "", 0},
		{429, "1.5", "", 0},
		{429, "soon", "", 0},
		{429, "31536000", "", maxRetryAfter},
		{429, "31536001", "", maxRetryAfter},
		{429, "9223372036854775807", "", maxRetryAfter},
		{429, "99999999999999999999999999", "", maxRetryAfter},
		{503, date(time.Minute), "", time.Minute},
		{503, date(-time.Minute), "", 0},
		{503, date(time.Minute), date(-time.Hour), time.Hour + time.Minute},
		{503, date(time.Minute), "no date", time.Minute},
		{503, "Fri, 31 Dec 9999 23:59:59 GMT", "", maxRetryAfter},
		{503, "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", maxRetryAfter},
		{503, "Mon, 01 Jan 0001 00:00:00 GMT", "", 0},
		{503, "Friday, 20-Nov-26 12:01:00 GMT", "", time.Minute},
		{503, "Fri Nov 20 12:01:00 2026", "", time.Minute},
	} {
		a := answer{status: c.status, at: at, header: http.Header{"Retry-After": {c.value}, "Date": {c.date}}}
		if got := a.retryAfter(); got != c.want {
			t.Errorf("%d %q with date %q: got %v, want %v", c.status, c.value, c.date, got, c.want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "1", "-1", "1e9", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		f.Add(s, "Mon, 01 Jan 0001 00:00:00 GMT")
	}
	f.Fuzz(func(t *testing.T, value, date string) {
		a := answer{status: 429, at: time.Now(), header: http.Header{"Retry-After": {value}, "Date": {date}}}
		if got := a.retryAfter(); got < 0 || got > maxRetryAfter {
			t.Errorf("%q with date %q: %v", value, date, got)
		}
	})
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, want string
		limit      int
	}{
		{"", "", 9},
		{"success\r\n\t", "success\r\n\t", 99},
		{"a\x00b\x7f\x1b[31m", `a\x00b\x7F\x1B[31m`, 99},
		{"\ufeffok\u00a0\u202e", `\xEF\xBB\xBFok\xC2\xA0\xE2\x80\xAE`, 99},
		{"\xff支付\xe6", `\xFF支付\xE6`, 99},
		{"支付", "支", 4},
		{"支付", "支", 5},
		{"支付", "支付", 6},
		{"a\xffb", `a\xFF`, 2},
		{"\ufffd", "\ufffd", 9},
	} {
		if got := excerpt([]byte(c.text), c.limit); got != c.want {
			t.Errorf("%q: got %s, want %s", c.text, got, c.want)
		}
	}
	if got := clip("a\nb  c " + strings.Repeat("é", 400)); got != "a b c "+strings.Repeat("é", 146)+"…" {
		t.Errorf("got %s", got)
	}
}

func FuzzExcerpt(f *testing.F) {
	for _, s := range []string{"", "success", "\x00\xff", "支付支付", "\ufeff", strings.Repeat("é", 300)} {
		f.Add([]byte(s), 512)
	}
	f.Fuzz(func(t *testing.T, text []byte, limit int) {
		limit = min(max(limit, 0), 600)
		got := excerpt(text, limit)
		if !utf8.ValidString(got) || strings.Contains(got, "\x00") || len(got) > 4*limit {
			t.Errorf("%q of %q", got, text)
		}
	})
}
