package sign_test

import (
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/delivery/sign"
)

// BenchmarkSign is what signing adds to a request with a body of 500 bytes. A form of
// 500 bytes has 20 fields.
func BenchmarkSign(b *testing.B) {
	for _, c := range []struct {
		name, scheme string
		keys         []*sign.Key
	}{
		{"hmac-sha256", "hmac-sha256", keys(b, "hmac-sha256", hmacSecret)},
		{"standard-webhooks v1", "standard-webhooks", keys(b, "standard-webhooks", sharedSecret)},
		{"standard-webhooks two v1", "standard-webhooks", keys(b, "standard-webhooks", sharedSecret, otherSharedSecret)},
		{"standard-webhooks v1a", "standard-webhooks", keys(b, "standard-webhooks", privateSecret)},
		{"alipay-rsa2", "alipay-rsa2", keys(b, "alipay-rsa2", rsaPEM)},
		{"wechatpay-v3", "wechatpay-v3", keys(b, "wechatpay-v3", wechatPaySecret(rsaPEM))},
		{"wechatpay-request", "wechatpay-request", keys(b, "wechatpay-request", wechatPayAccount(rsaPEM))},
	} {
		b.Run(c.name, func(b *testing.B) {
			scheme := parse(b, c.scheme)
			m := message(c.scheme)
			m.Body = strings.Repeat("x", 500)
			if m.Format == "form" {
				var fields []string
				for i := range 20 {
					fields = append(fields, "field_"+string(rune('a'+i))+"=%E6%94%AF%E4%BB%98x")
				}
				m.Body = strings.Join(fields, "&")
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := scheme.Sign(c.keys, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerify is what it costs to believe an answer of 500 bytes.
func BenchmarkVerify(b *testing.B) {
	key, body := answerKey(b, rsaPublicPEM), fromAlipay(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verifyAlipay(b, key, body); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkKey is why keys are kept.
func BenchmarkKey(b *testing.B) {
	for _, c := range []struct{ name, secret string }{
		{"hmac-sha256", hmacSecret}, {"standard-webhooks", sharedSecret}, {"alipay-rsa2", rsaPEM}, {"wechatpay-v3", wechatPaySecret(rsaPEM)},
	} {
		b.Run(c.name, func(b *testing.B) {
			scheme := parse(b, c.name)
			for b.Loop() {
				if _, err := scheme.Key([]byte(c.secret)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
