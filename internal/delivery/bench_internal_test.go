package delivery

import (
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// BenchmarkRequest makes the requests of claims, and sends none.
func BenchmarkRequest(b *testing.B) {
	for _, c := range []struct {
		name, format, body string
		headers            map[string]string
	}{
		{"body", outbox.FormatBody, strings.Repeat("x", 500), nil},
		{"headers", outbox.FormatBody, strings.Repeat("x", 500), map[string]string{"Authorization": "Bearer t", "X-Shop": "42"}},
		{"form", outbox.FormatForm, `{"out_trade_no":"42","total_fee":424.42,"paid":true}`, nil},
		{"query", outbox.FormatQuery, `{"out_trade_no":"42","total_fee":424.42,"paid":true}`, nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			courier := New(Options{})
			defer courier.Close()
			claim := &outbox.Claim{
				ID: outbox.ID{0x01, 0x8f, 15: 0x2a}, Attempt: 2, Event: "trade.success",
				URL: "https://shop.example/notify?is=T", EndpointURL: "https://shop.example/notify?is=T", Body: c.body, Headers: c.headers,
				Policy: &outbox.Policy{Method: outbox.MethodPost, Format: c.format, Timeout: time.Second},
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := courier.request(b.Context(), claim, 0, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
