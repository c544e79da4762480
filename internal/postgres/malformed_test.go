package postgres_test

import (
	"errors"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbell/orderbell/internal/outbox"
)

// A malformed notification never aborts the order: it ends rejected, and says why.
func TestMalformedRowsEndRejected(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("insert into orderbell.policy (name, ladder, acknowledge, format) values ('form', '{1s}', 'true', 'form'), ('query', '{1s}', 'true', 'query')")
	for _, test := range []struct {
		column, value string // value as SQL
		policy        string
		reason        string // how it begins; empty: it is delivered
	}{
		{column: "url", value: "''", reason: "url does not begin with http"},
		{column: "url", value: "'ftp://shop.example/'", reason: "url does not begin with http"},
		{column: "url", value: "'sql:shop.close'", reason: "url does not begin with http"},
		{column: "url", value: "'http://'", reason: "url has no valid host"},
		{column: "url", value: "'http:///path'", reason: "url has no valid host"},
		{column: "url", value: "'http://user:pass@shop.example/'", reason: "url contains user information"},
		{column: "url", value: "'http://shop.example:0/'", reason: "url has a port"},
		{column: "url", value: "'http://shop.example:65536/'", reason: "url has a port"},
		{column: "url", value: "'http://shop.example:x/'", reason: "url has no valid host"},
		{column: "url", value: "'http://shop.example:99999999999/'", reason: "url has no valid host"},
		{column: "url", value: "'http://shop.example/a b'", reason: "url contains white space"},
		{column: "url", value: "e'http://shop.example/\\n'", reason: "url contains white space"},
		{column: "url", value: "'http://shop.example/%zz'", reason: "url contains a %"},
		{column: "url", value: "'http://shop.example/' || repeat('x', 5000)", reason: "url is longer than 4096 bytes"},
		{column: "url", value: "'https://shop.example:8443/notify?a=1&b=%20#f'"},
		{column: "url", value: "'HTTPS://[2001:db8::1]:1/'"},
		{column: "url", value: "'http://商店.example/通知'"},

		{column: "headers", value: "'[]'", reason: "headers is no JSON object"},
		{column: "headers", value: "'null'", reason: "headers is no JSON object"},
		{column: "headers", value: `'"X: 1"'`, reason: "headers is no JSON object"},
		{column: "headers", value: `'{"X": 1}'`, reason: "headers: the value of X is no string"},
		{column: "headers", value: `'{"X": null}'`, reason: "headers: the value of X is no string"},
		{column: "headers", value: `'{"X": "a\nb"}'`, reason: "headers: the value of X contains a control character"},
		{column: "headers", value: `'{"X": "a\u007fb"}'`, reason: "headers: the value of X contains a control character"},
		{column: "headers", value: `'{"": "x"}'`, reason: `headers: "" is no header name`},
		{column: "headers", value: `'{"a b": "x"}'`, reason: `headers: "a b" is no header name`},
		{column: "headers", value: `'{"X\r\nY": "x"}'`, reason: `headers: "X\r\nY" is no header name`},
		{column: "headers", value: `'{"hOsT": "x"}'`, reason: "headers: hOsT is not yours to set"},
		{column: "headers", value: `'{"Orderbell-Attempt": "9"}'`, reason: "headers: Orderbell-Attempt is not yours to set"},
		{column: "headers", value: `'{"Content-Length": "9"}'`, reason: "headers: Content-Length is not yours to set"},
		{column: "headers", value: `jsonb_build_object('X', repeat('x', 9000))`, reason: "headers is longer than 8192 bytes"},
		{column: "headers", value: `'{"X-Shop": "7", "Authorization": "Bearer x"}'`},

		{column: "content_type", value: "''", reason: "content_type is no media type"},
		{column: "content_type", value: "'json'", reason: "content_type is no media type"},
		{column: "content_type", value: "e'text/plain\\r\\nX: 1'", reason: "content_type is no media type"},
		{column: "content_type", value: "'text/plain; x=' || repeat('x', 200)", reason: "content_type is no media type"},
		{column: "content_type", value: "'text/plain; charset=é'", reason: "content_type is no media type"},
		{column: "content_type", value: "'application/vnd.shop+json; charset=utf-8'"},

		{column: "dedupe_key", value: "repeat('x', 1025)", reason: "dedupe_key is longer than 1024 bytes"},
		{column: "dedupe_key", value: "repeat('x', 1024)"},
		{column: "dedupe_key", value: "''"},

		{column: "deliver_at", value: "now() + interval '11 years'", reason: "deliver_at is more than ten years ahead"},
		{column: "deliver_at", value: "'infinity'", reason: "deliver_at is more than ten years ahead"},

		{column: "body", value: "repeat('x', 262145)", reason: "body is longer than 262144 bytes"},
		{column: "body", value: "repeat('订', 87382)", reason: "body is longer than 262144 bytes"},
		{column: "body", value: "repeat('x', 262144)"},
		{column: "body", value: "''"},
		{column: "body", value: "'no JSON at all'"},
		{column: "body", value: "'[1]'", policy: "form", reason: "body is no JSON object, which the format form needs"},
		{column: "body", value: "''", policy: "form", reason: "body is no JSON object"},
		{column: "body", value: "'{'", policy: "query", reason: "body is no JSON object, which the format query needs"},
		{column: "body", value: "'null'", policy: "query", reason: "body is no JSON object"},
		{column: "body", value: "repeat('[', 200000)", policy: "form", reason: "body is no JSON object"},
		{column: "body", value: `repeat('{"a":', 40000)`, policy: "form", reason: "body is no JSON object"},
		{column: "body", value: `'{"a": "\u0000", "n": 1e999}'`, policy: "form"},
		{column: "body", value: `' {"a": [1, {"b": null}]} '`, policy: "query"},
	} {
		columns, values := "endpoint, event, order_no, policy, "+test.column, "'m-1', 'e', 'A1', nullif('"+test.policy+"', ''), "+test.value
		if test.column != "body" {
			columns, values = columns+", body", values+", '{}'"
		}
		tx := h.begin()
		id := one[outbox.ID](t, tx, "insert into orderbell.notification ("+columns+") values ("+values+") returning id")
		if err := tx.Commit(t.Context()); err != nil {
			t.Errorf("%s %s: the order was aborted: %v", test.column, test.value, err)
			continue
		}
		got := h.standing(id)
		switch {
		case test.reason == "" && got.State != "pending":
			t.Errorf("%s %s %s stands at %+v", test.policy, test.column, test.value, got)
		case test.reason != "" && (got.State != "rejected" || !strings.HasPrefix(got.Reason, test.reason)):
			t.Errorf("%s %s %s: %+v, want the reason %q", test.policy, test.column, test.value, got, test.reason)
		}
	}
}

// The same through enqueue, whose deliver_after is bounded too.
func TestEnqueueTakesWhatIsMalformed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("update orderbell.setting set max_body_bytes = 10")
	for argument, reason := range map[string]string{
		"deliver_after => '1000000 years'":                      "deliver_at is more than ten years ahead",
		"deliver_after => '178000000 years'":                    "deliver_at is more than ten years ahead",
		"deliver_after => '10 years 1 day'":                     "deliver_at is more than ten years ahead",
		"url => 'gopher://x'":                                   "url does not begin",
		"headers => '7'":                                        "headers is no JSON object",
		"content_type => 'x'":                                   "content_type is no media type",
		"dedupe_key => repeat('k', 5000)":                       "dedupe_key is longer",
		"policy => 'quick', headers => '{\"x\": \"12345678\"}'": "body is longer than 10 bytes",
	} {
		body := "short"
		if strings.HasPrefix(reason, "body") {
			body = "eleven char"
		}
		id := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-1', 'e', 'A1', $1, "+argument+")", body)
		if got := h.standing(id); got.State != "rejected" || !strings.HasPrefix(got.Reason, reason) {
			t.Errorf("%s: %+v, want the reason %q", argument, got, reason)
		}
	}
}

// In one statement the good rows are sent and the bad ones are not.
func TestMalformedRowsAmongOthers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`insert into orderbell.notification (endpoint, event, order_no, body, url)
		select 'm-1', 'e', n::text, '', case when n % 2 = 0 then 'http://x' || n || '/' else 'x' end from generate_series(1, 10) n`)
	if n := one[int](t, h.pool, "select count(*) from orderbell.delivery"); n != 5 {
		t.Errorf("%d are delivered, want 5", n)
	}
	if n := one[int](t, h.pool, "select count(*) from orderbell.finished where state = 'rejected'"); n != 5 {
		t.Errorf("%d are rejected, want 5", n)
	}
}

// What no column of text can hold stays an error, as in any table.
func TestWhatTextCannotHold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, body := range []string{"a\x00b", "\xff"} {
		_, err := h.pool.Exec(t.Context(), "select orderbell.enqueue('m-1', 'e', 'A1', $1)", body)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "22021" {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// Whatever passes url_fault can be sent: Go's parser accepts it too. Random URLs
// of pieces that parsers differ about.
func TestURLFaultIsStricterThanGo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	urls := []string{
		"http://[::1]/", "http://[::1]:80/", "http://[1.2.3.4]/", "http://[::]/", "http://[:::]/", "http://[abc]/", "http://[.]/", "http://[::ffff:1.2.3.4]/",
		"http://[1:2:3:4:5:6:7:8:9]/", "http://[12345::]/", "http://[fe80::1%25eth0]/", "http://a_b/", "http://-/", "http://./", "http://../", "http://a..b/",
		"http://xn--/", "http://ａ/", "http://1/", "http://0x7f.1/", "http://a:1?#", "http://a/%2F%ff", "http://a#%zz", "http://a?%", "http://a\\b/", "http://a/\\",
		"http://a/\u2028", "http://a\u00ad/", "http://é:80/", "http://a/[", "http://a/{}|^`", "http://a:080/", "http://a:00080/", "https://a;b/", "http://a,b/", "http://a'/",
		"http://a%41/", "http://%61/", "http://a/;x?y;z", "http://a//b", "http://a/:@", "http://a?:@/", "http://a#@", "http://\u0080/", "http://a\u0085/", "http://a/\u0085",
	}
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{
		"http://", "https://", "HTTP://", "a", "shop.example", "é", "商", ".", "-", "_", ":", ":80", ":65535", "/", "//", "?", "#", "%", "%41", "%zz", "%2", "@", "[", "]",
		"::1", "1.2.3.4", "[::1]", "[abc]", "[1.2]", " ", "\t", "\x7f", "\u00a0", "\u200b", "\\", "'", `"`, "<", "|", "^", "`", "{", ";", ",", "&", "=", "+", "~", "!", "$", "*", "(",
	}
	for range 30_000 {
		text := []string{"http://", "https://", "hTTp://", "http:/"}[random.IntN(4)]
		text += []string{"", "a", "shop.example:80/", "é", "[::1]", "[1.2.3.4]:1/", "x_-.y/"}[random.IntN(7)]
		for range random.IntN(4) {
			text += pieces[random.IntN(len(pieces))]
		}
		urls = append(urls, text)
	}
	accepted := all[string](t, h.pool, "select url from unnest($1::text[]) url where orderbell.url_fault(url) is null", urls)
	if len(accepted) < 1000 {
		t.Fatalf("only %d of %d were accepted", len(accepted), len(urls))
	}
	complaints := 0
	for _, text := range accepted {
		u, err := url.Parse(text)
		if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.Opaque == "" && u.User == nil {
			continue
		}
		if complaints++; complaints <= 10 {
			t.Errorf("url_fault lets %q through, and Go says %v, %+v", text, err, u)
		}
	}
	if complaints > 10 {
		t.Errorf("and %d more", complaints-10)
	}
}
