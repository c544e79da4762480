package acknowledge_test

import (
	"net/http"
	"testing"

	"github.com/orderbell/orderbell/internal/delivery/acknowledge"
)

// BenchmarkRule asks a compiled rule about an answer.
func BenchmarkRule(b *testing.B) {
	header := http.Header{"Content-Type": {"text/plain"}}
	for _, c := range []struct{ name, rule, body string }{
		{"standard", `status == 200 && lower(trim(body)) == "success"`, "success"},
		{"alipay", `status == 200 && body == "success"`, "success"},
		{"wechatpay", `status in [200, 204]`, "success"},
		{"webhook", `status >= 200 && status < 300`, "success"},
		{"header", `header("content-type") == "text/plain"`, "success"},
		{"json", `json("code") == 0`, `{"code":0,"msg":"ok"}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			rule := mustCompile(b, c.rule)
			a := acknowledge.Answer{Status: 200, Header: header, Body: c.body}
			b.ReportAllocs()
			for b.Loop() {
				if yes, err := rule.True(a); !yes || err != nil {
					b.Fatal(yes, err)
				}
			}
		})
	}
}
