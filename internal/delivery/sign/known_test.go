package sign_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/delivery/sign"
)

// The answers below come from the specification of Standard Webhooks, or were computed
// with Python's hmac and cryptography from the keys in testdata.

func TestKnownAnswersOfStandardWebhooks(t *testing.T) {
	t.Parallel()
	const (
		v1  = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
		v1a = "v1a,fldxM4gAKugP6nnt1hdz3sgGfZ6d99nzrMFnZOELIxbzEHoVmAb2ADpkJK7zgPePmPsle0zV9jSeGlHFG2NVAw=="
	)
	for _, c := range []struct {
		name    string
		secrets []string
		want    string
	}{
		{"HMAC", []string{sharedSecret}, v1},
		{"ed25519, a key pair", []string{privateSecret}, v1a},
		{"ed25519, a seed", []string{seedSecret}, v1a},
		{"a rotation from one to the other", []string{privateSecret, sharedSecret}, v1a + " " + v1},
		{"and back", []string{sharedSecret, privateSecret}, v1 + " " + v1a},
	} {
		m := message("standard-webhooks")
		m.ID, m.At, m.Body = "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 999), `{"test": 2432232314}`
		want := sign.Signed{Body: m.Body, Headers: []sign.Header{
			{Name: "Webhook-Id", Value: m.ID}, {Name: "Webhook-Timestamp", Value: "1614265330"}, {Name: "Webhook-Signature", Value: c.want},
		}}
		if diff := cmp.Diff(want, signed(t, "standard-webhooks", m, c.secrets...)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestKnownAnswersOfHMAC(t *testing.T) {
	t.Parallel()
	for signature, name := range map[string]string{"hmac-sha256": "Orderbell-Signature", "hmac-sha256:x-hub-signature": "X-Hub-Signature"} {
		m := message(signature)
		m.Body = `{"trade_status":"TRADE_SUCCESS","subject":"茶"}`
		want := sign.Signed{Body: m.Body, Headers: []sign.Header{
			{Name: name, Value: "fce5da32996619e4a458072511b043ac2515c8fa8abaedf4ca025759e152c1da"},
		}}
		if diff := cmp.Diff(want, signed(t, signature, m, hmacSecret)); diff != "" {
			t.Errorf("%s: %s", signature, diff)
		}
	}
}

func TestKnownAnswerOfAlipay(t *testing.T) {
	t.Parallel()
	m := message("alipay-rsa2")
	m.Body = "trade_status=TRADE_SUCCESS&total_amount=0.01&subject=%E8%8C%B6+%26+%E5%92%96%E5%95%A1&out_trade_no=2026112000017"
	want := sign.Signed{
		ContentType: "application/x-www-form-urlencoded; charset=utf-8",
		Body: m.Body + "&notify_id=019a9f3c5a2b7c3d8e4f0123456789ab&version=1.0&charset=utf-8&notify_time=2026-11-21+01%3A02%3A03&sign_type=RSA2&sign=" +
			"kPLSOWvOqLZOBkDP3AMrZqJ8t1Cfh1SSGRfWTRdpC55v91KcDtp4h3bGuiRrF2WkOfc%2FblubCbC2xkV%2BRy0utvhqoxlUE9CIFqxyX32oPvKqa6rO4kXitgMqzTtymdKqhwz58LxcncI2O6U28hEE8kTuWnfNiSzBOBatl%2Fgc6lLomwwPhV2XPzH6EQEWfp7HQJwQI%2BtVSYBZDiRJP7ritJeenS7RY81G%2BB3zVqIa%2BooDjDiaGFYOOLqP6rRjvYohe6bhbBdYrlq0AL6R%2BgBuXW3QRmNKX2oi5AQ7BrPacHy7RHyFAyj69iEXSeAVZyMjx4Pw%2FFj4lJYMvbD5ih%2Bjzw%3D%3D",
	}
	if diff := cmp.Diff(want, signed(t, "alipay-rsa2", m, rsaPEM)); diff != "" {
		t.Error(diff)
	}
}

func TestKnownAnswerOfWeChatPay(t *testing.T) {
	t.Parallel()
	const nonce = "593BEC0C930BF1AFEB40B4A08C8FB242"
	got, err := keys(t, "wechatpay-v3", wechatPaySecret(rsaPEM))[0].WechatPayWith(message("wechatpay-v3"), "fdasflkja484", nonce)
	if err != nil {
		t.Fatal(err)
	}
	want := sign.Signed{
		ContentType: "application/json",
		Body: `{"id":"` + id + `","create_time":"2026-11-20T23:59:59+08:00","event_type":"TRANSACTION.SUCCESS",` +
			`"resource_type":"encrypt-resource","summary":"TRANSACTION.SUCCESS","resource":{"algorithm":"AEAD_AES_256_GCM",` +
			`"ciphertext":"kdUr4QkJdpw0uI/iqth4k3aJFw1KdAUubZpUyt/YAH0kyCcOZYfCRfv7p9TEUJPbqiPfn0isF+GfXBsjy+uEHm50RFP189VP",` +
			`"nonce":"fdasflkja484","associated_data":"transaction","original_type":"transaction"}}`,
		Headers: []sign.Header{
			{Name: "Wechatpay-Timestamp", Value: "1795194123"},
			{Name: "Wechatpay-Nonce", Value: nonce},
			{Name: "Wechatpay-Signature", Value: "Pb19b6YQ/rZp9ofp161UFHj0C8nfQBbMHiCYt32hXlfRyMb/7YGMkKNCctSuS4ittNjB5AIXP8gXK2WDSGXhizrG6SW1lICnNf7OAPpqWUIuFmJXIXL5xY+AJHS24dXLzmDFLu7MHy5BfZoJdDBMHE/wGgWJr7rqnLziUshUZrufoWIrBz19bfBWfO7X0wIulyuWytBi5B2chYCIkkaT4KIOA8ztuxxcpx8y1ZACTZ+5uZE7yAB9BGrhwvoH1YiITAGC5/Z3QdeIOUcZAHy6smgWwDLhxYs4saz9H2rX0DudnJsRh624zhrNZD6/tFD6sAdj5MAchmR8ok5DM7n9OA=="},
			{Name: "Wechatpay-Serial", Value: serial},
			{Name: "Wechatpay-Signature-Type", Value: "WECHATPAY2-SHA256-RSA2048"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
