package delivery_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// Whatever a rule says of it, an answer whose signature is missing or wrong is answered.
func TestAnswersThatAreNotProven(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(h http.Header, status int, body string) (int, string)
		says   string
	}{
		"another state": {func(_ http.Header, _ int, b string) (int, string) {
			return 200, strings.NewReplacer("WAIT_BUYER_PAY", "TRADE_SUCCESS", "NOTPAY", "SUCCESS").Replace(b)
		}, "is wrong"},
		"a rejection": {func(_ http.Header, _ int, b string) (int, string) {
			return 200, strings.NewReplacer("WAIT_BUYER_PAY", "REJECT", "NOTPAY", "REJECT").Replace(b)
		}, "is wrong"},
		"unsigned": {func(h http.Header, _ int, b string) (int, string) {
			h.Del("Wechatpay-Signature")
			b, _, _ = strings.Cut(b, `,"sign"`)
			return 200, strings.NewReplacer("WAIT_BUYER_PAY", "TRADE_SUCCESS", "NOTPAY", "SUCCESS").Replace(b + strings.Repeat("}", strings.Count(b, "{")-strings.Count(b, "}")))
		}, "is missing"},
		"a page": {func(h http.Header, _ int, _ string) (int, string) {
			h.Del("Wechatpay-Signature")
			return 502, "<html>\x00REJECT"
		}, "is missing"},
	} {
		alipay, a := askAlipay(t, c.change)
		weChat, p := askWeChatPay(t, c.change)
		a.Script("", "WAIT_BUYER_PAY")
		p.Script("", "NOTPAY")
		for _, q := range []asking{alipay, weChat} {
			r := q.courier.Deliver(t.Context(), q.claim)
			if r.Outcome != outbox.OutcomeAnswered || !strings.HasPrefix(r.Error, "the answer's signature "+c.says) || r.Answer != "" || !r.Connected {
				t.Errorf("%s, %s: %+v", name, q.claim.Signature, r)
			}
			checkResult(t, r)
		}
	}
}

// A signature that WeChat Pay makes wrong on purpose ends nothing; the next one does.
func TestSignaturesThatAreTests(t *testing.T) {
	t.Parallel()
	q, p := askWeChatPay(t, nil)
	p.Script(tradeNo, "SUCCESS")
	p.SignTests(1)
	r := q.courier.Deliver(t.Context(), q.claim)
	if r.Outcome != outbox.OutcomeAnswered || !strings.HasPrefix(r.Error, "the answer's signature is a test by WeChat Pay, and wrong on purpose: status 200 with ") {
		t.Errorf("%+v", r)
	}
	want(t, q.courier.Deliver(t.Context(), q.claim), outbox.OutcomeAcknowledged, 200, "")
}

// Rules see of Alipay's answer what is signed, and nothing beside it.
func TestRulesSeeWhatIsSigned(t *testing.T) {
	t.Parallel()
	q, a := askAlipay(t, func(_ http.Header, _ int, b string) (int, string) {
		return 200, `{"REJECT":"REJECT","trade_status":"TRADE_SUCCESS",` + b[1:]
	})
	a.Script(tradeNo, "WAIT_BUYER_PAY", "TRADE_CLOSED")
	q.claim.Policy.Acknowledge = `json("trade_status") == "TRADE_SUCCESS" || ` + q.claim.Policy.Acknowledge
	if r := q.courier.Deliver(t.Context(), q.claim); r.Outcome != outbox.OutcomeAnswered || strings.Contains(r.Error, "signature") {
		t.Errorf("%+v", r)
	}
	r := q.courier.Deliver(t.Context(), q.claim)
	if r.Outcome != outbox.OutcomeAcknowledged || !strings.HasPrefix(r.Answer, `{"REJECT":`) {
		t.Errorf("%+v", r)
	}
}

// The time of an answer is compared with the attempt's, by the database's clock.
func TestOldAnswers(t *testing.T) {
	t.Parallel()
	q, p := askWeChatPay(t, nil)
	p.Script(tradeNo, "SUCCESS")
	q.claim.At = time.Now().Add(-4 * time.Minute)
	want(t, q.courier.Deliver(t.Context(), q.claim), outbox.OutcomeAcknowledged, 200, "")
	old, _ := askWeChatPay(t, func(h http.Header, status int, body string) (int, string) {
		h.Set("Wechatpay-Timestamp", fmt.Sprint(time.Now().Add(-6*time.Minute).Unix()))
		return status, body
	})
	if r := old.courier.Deliver(t.Context(), old.claim); r.Outcome != outbox.OutcomeAnswered || !strings.HasPrefix(r.Error, "the answer's signature is not of our time") {
		t.Errorf("%+v", r)
	}
}

// An answer over the cap stays one, whoever signed it.
func TestSignedAnswersOverTheCap(t *testing.T) {
	t.Parallel()
	q, a := askAlipay(t, func(_ http.Header, _ int, b string) (int, string) { return 200, b + strings.Repeat(" ", 17<<10) })
	a.Script(tradeNo, "TRADE_CLOSED")
	r := q.courier.Deliver(t.Context(), q.claim)
	want(t, r, outbox.OutcomeAnswered, 200, "status 200 with a body over the size cap of 16384 bytes, which never counts")
}
