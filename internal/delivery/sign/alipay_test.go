package sign_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/delivery/sign"
)

func TestAlipayFields(t *testing.T) {
	t.Parallel()
	const ours = "notify_id=019a9f3c5a2b7c3d8e4f0123456789ab&version=1.0&charset=utf-8&notify_time=2026-11-21+01%3A02%3A03&sign_type=RSA2"
	for name, c := range map[string]struct{ body, want string }{
		"nothing":                 {"", ours},
		"order is kept":           {"z=1&a=2", "z=1&a=2&" + ours},
		"empty ones are left out": {"a=&b=1&c&=d&d=+%0A", "b=1&" + ours},
		"whitespace around":       {"a=+x+y%09", "a=x+y&" + ours},
		"own id and version stay": {"notify_id=mine&version=2.0", "notify_id=mine&version=2.0&charset=utf-8&notify_time=2026-11-21+01%3A02%3A03&sign_type=RSA2"},
		"empty ones do not":       {"notify_id=&version=+", ours},
		"what is false does not":  {"charset=GBK&a=1&notify_time=2014-08-29+16%3A22%3A02", "charset=utf-8&a=1&notify_time=2026-11-21+01%3A02%3A03&notify_id=019a9f3c5a2b7c3d8e4f0123456789ab&version=1.0&sign_type=RSA2"},
		"a signature neither":     {"sign=x&a=1&sign_type=RSA&alipay_cert_sn=y", "a=1&" + ours},
	} {
		m := message("alipay-rsa2")
		m.Body = c.body
		got, signature, _ := strings.Cut(signed(t, "alipay-rsa2", m, rsaPEM).Body, "&sign=")
		if diff := cmp.Diff(c.want, got); diff != "" || signature == "" {
			t.Errorf("%s: %s, signed %q", name, diff, signature)
		}
	}
}

// Such a row can never be sent, with whatever key.
func TestAlipayRefusesWhatReceiversReadDifferently(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"a=1&b=2&a=1":         `"a" comes twice`,
		"sub%26ject=1":        `"sub&ject" has a & or =`,
		"a%3Db=1":             `"a=b" has a & or =`,
		"a=%zz":               "cannot be read",
		"%zz=a":               "cannot be read",
		url.QueryEscape("=x"): "", // a name alone, without a value
	} {
		m := message("alipay-rsa2")
		m.Body = body
		_, err := parse(t, "alipay-rsa2").Sign(keys(t, "alipay-rsa2", rsaPEM), m)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", body, err)
			}
			continue
		}
		if !errors.Is(err, sign.ErrBody) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", body, err, want)
		}
	}
}

// A year's last evening in London is the next year in China.
func TestAlipayTimeIsChinas(t *testing.T) {
	t.Parallel()
	m := message("alipay-rsa2")
	m.At = m.At.AddDate(0, 1, 10).UTC()
	values, err := url.ParseQuery(signed(t, "alipay-rsa2", m, rsaPEM).Body)
	if err != nil || values.Get("notify_time") != "2026-12-31 01:02:03" {
		t.Errorf("%v, %v", values, err)
	}
}
