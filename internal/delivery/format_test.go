package delivery

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/outbox"
)

func TestFormMembers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, object, want string }{
		{"empty", `{}`, ""},
		{"empty, with spaces", " {\n\t} \r\n", ""},
		{"in their order", `{"b":"1","a":"2","c":"3"}`, "b=1&a=2&c=3"},
		{"as often as they come", `{"a":1,"b":2,"a":3,"a":1}`, "a=1&b=2&a=3&a=1"},
		{"numbers keep their text", `{"a":1.0,"b":1e400,"c":-0,"d":12345678901234567890,"e":1.10,"f":0E-2,"g":1E+2}`, "a=1.0&b=1e400&c=-0&d=12345678901234567890&e=1.10&f=0E-2&g=1E%2B2"},
		{"numbers among spaces", "{\"a\" :\n 7 , \"b\":8\t}", "a=7&b=8"},
		{"booleans", `{"yes":true,"no":false}`, "yes=true&no=false"},
		{"null is left out", `{"a":null,"b":1,"c":null}`, "b=1"},
		{"nothing but null", `{"a":null}`, ""},
		{"null as text", `{"a":"null","null":1}`, "a=null&null=1"},
		{"no text is no null", `{"a":"","b":1}`, "a=&b=1"},
		{"no name", `{"":1}`, "=1"},
		{"nested values are compact", "{\"a\": {\"x\" : [1.0, null, \"a b\"],\n\"y\":{}}, \"b\":[ ]}", "a=%7B%22x%22%3A%5B1.0%2Cnull%2C%22a+b%22%5D%2C%22y%22%3A%7B%7D%7D&b=%5B%5D"},
		{"nested text stays as written", `{"a":{"x":"\u00e9<é>"}}`, "a=%7B%22x%22%3A%22%5Cu00e9%3C%C3%A9%3E%22%7D"},
		{"what a form reserves", `{"a&b=c":"d&e=f+g h%20#/?"}`, "a%26b%3Dc=d%26e%3Df%2Bg+h%2520%23%2F%3F"},
		{"escapes", `{"\u0061\n":"\"\\\/\b\f\r\t\u00e9"}`, "a%0A=%22%5C%2F%08%0C%0D%09%C3%A9"},
		{"NUL", `{"a":"\u0000"}`, "a=%00"},
		{"UTF-8", `{"名":"订单😀"}`, "%E5%90%8D=%E8%AE%A2%E5%8D%95%F0%9F%98%80"},
		{"a surrogate pair", `{"a":"\ud83d\ude00"}`, "a=%F0%9F%98%80"},
		{"half of one", `{"a":"\ud83d"}`, "a=%EF%BF%BD"},
	} {
		if got, err := form(c.object); got != c.want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

func TestFormOfNoObject(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":               "it is no JSON",
		" ":              "it is no JSON",
		"a=1":            "it is no JSON",
		"\ufeff{}":       "it is no JSON",
		"[]":             "it is another JSON value",
		`"{}"`:           "it is another JSON value",
		"12":             "it is another JSON value",
		"true":           "it is another JSON value",
		"null":           "it is another JSON value",
		"{":              "it is no JSON",
		`{"a"`:           "it is no JSON",
		`{"a":`:          "it is no JSON",
		`{"a":1`:         "it is no JSON",
		`{"a":1,`:        "it is no JSON",
		`{"a":1,}`:       "it is no JSON",
		`{,"a":1}`:       "it is no JSON",
		`{"a" 1}`:        "it is no JSON",
		`{"a":1 "b"}`:    "it is no JSON",
		`{"a":1]`:        "it is no JSON",
		`{a:1}`:          "it is no JSON",
		`{1:1}`:          "it is no JSON",
		`{{}:1}`:         "it is no JSON",
		`{null:1}`:       "it is no JSON",
		`{"a":'b'}`:      "it is no JSON",
		`{"a":01}`:       "it is no JSON",
		`{"a":NaN}`:      "it is no JSON",
		`{"a":tru}`:      "it is no JSON",
		`{"a":[1,]}`:     "it is no JSON",
		`{"a":{"b"}}`:    "it is no JSON",
		"{\"a\":\"\n\"}": "it is no JSON",
		`{"a":"\x"}`:     "it is no JSON",
		`{"a":1}{}`:      "something follows the object",
		`{"a":1} x`:      "something follows the object",
		`{"a":1}}`:       "something follows the object",
		"{}\x00":         "something follows the object",
	} {
		if got, err := form(body); err == nil || err.Error() != want || got != "" {
			t.Errorf("%q: got %q, %v, want %q", body, got, err, want)
		}
	}
}

func TestQueryIsAppended(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ url, body, want string }{
		{"http://h", `{"a":1}`, "/?a=1"},
		{"http://h/n", `{"a":1,"b":"x y"}`, "/n?a=1&b=x+y"},
		{"http://h/n?", `{"a":1}`, "/n?a=1"},
		{"http://h/n?x=1", `{"a":1}`, "/n?x=1&a=1"},
		{"http://h/n?x=1&", `{"a":1}`, "/n?x=1&a=1"},
		{"http://h/n?x=1?", `{"a":1}`, "/n?x=1?&a=1"},
		{"http://h/n?&", `{"a":1}`, "/n?&a=1"},
		{"http://h/n?x=1#top", `{"a":1}`, "/n?x=1&a=1"},
		{"http://h/n#top?y", `{"a":1}`, "/n?a=1"},
		{"http://h/n?x", `{}`, "/n?x"},
		{"http://h/n?x&", `{"a":null}`, "/n?x&"},
		{"http://h/n", `{}`, "/n"},
		{"http://h/n?", `{}`, "/n?"},
		{"http://h/n?x=%31+%2f&a=0;b", `{"a":1}`, "/n?x=%31+%2f&a=0;b&a=1"}, // its own query is not touched
		{"http://h/n?x=a b\"é", `{"a":1}`, "/n?x=a%20b\"%C3%A9&a=1"},
		{"http://h//n/../é%2f?x", `{"a":1}`, "//n/../%C3%A9%2f?x&a=1"},
	} {
		u, err := target(c.url)
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		claim := &outbox.Claim{Body: c.body, Policy: &outbox.Policy{Format: outbox.FormatQuery}}
		body, query, err := encode(claim)
		if query != "" {
			u = withQuery(u, query)
		}
		if err != nil || body != "" || u.RequestURI() != c.want {
			t.Errorf("%s with %s: got %q, body %q, %v, want %q", c.url, c.body, u.RequestURI(), body, err, c.want)
		}
	}
}

// A body that is sent as it is need not be JSON, nor text at all.
func TestBodyIsSentAsItIs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " {\"a\" : 1.0}\n", "a=1&b", "\x00\xff", "{"} {
		claim := &outbox.Claim{Body: text, Policy: &outbox.Policy{Format: outbox.FormatBody}}
		if body, query, err := encode(claim); body != text || query != "" || err != nil {
			t.Errorf("%q became %q, %v", text, body, err)
		}
	}
}

// FuzzForm reads every form back, and holds it against a map of the members.
func FuzzFormReadBack(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1.0,"b":null,"c":[1, {"d":"e"}],"a":"x&y"}`, `{"\u0000":"\ud83d"}`, `{"a":1}x`, `[1]`, `{"a":1,}`, ``, "{\"\xff\":\"\xff\"}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, object string) {
		got, err := form(object)
		isObject := json.Valid([]byte(object)) && strings.HasPrefix(strings.TrimLeft(object, " \t\r\n"), "{")
		if (err == nil) != isObject {
			t.Fatalf("%q: %v", object, err)
		}
		if err != nil {
			return
		}
		if escapeQuery(got) != got {
			t.Fatalf("%q gives bytes that no request line carries: %q", object, got)
		}
		sent, err := url.ParseQuery(got)
		if err != nil {
			t.Fatalf("%q gives %q: %v", object, got, err)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(object), &members); err != nil {
			t.Fatal(err)
		}
		for name, value := range members {
			values := sent[name]
			if string(value) == "null" { // the last of its name
				continue
			}
			if len(values) == 0 || values[len(values)-1] != expected(t, value) {
				t.Errorf("%q: member %q is sent as %q", object, name, values)
			}
		}
		for name := range sent {
			if _, ok := members[name]; !ok {
				t.Errorf("%q: %q is sent and is no member", object, name)
			}
		}
	})
}

// expected is a member's value, found by another way than the courier's.
func expected(t *testing.T, value json.RawMessage) string {
	t.Helper()
	var v any
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return map[bool]string{true: "true", false: "false"}[v]
	}
	var b bytes.Buffer
	if err := json.Compact(&b, value); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
