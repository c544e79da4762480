package delivery_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/channels"
	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/secret"
)

const tradeNo = "2026112000017"

// asking is a courier with a channel to ask.
type asking struct {
	courier *delivery.Courier
	claim   *outbox.Claim
	ring    *secret.Keyring
	url     string
}

// tamper stands between a channel and the courier, and changes answers; nil leaves them.
func tamper(channel http.Handler, change func(h http.Header, status int, body string) (int, string)) http.Handler {
	if change == nil {
		return channel
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		channel.ServeHTTP(answer, r)
		status, body := change(answer.Header(), answer.Code, answer.Body.String())
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func ask(t *testing.T, channel http.Handler, signature, plain, answerKey string) asking {
	t.Helper()
	courier, ring := signing(t)
	server := httptest.NewServer(channel)
	t.Cleanup(server.Close)
	claim := claimFor(server.URL)
	claim.Signature, claim.AnswerKey, claim.At, claim.Alone = signature, answerKey, time.Now(), true
	claim.Secrets = []outbox.Secret{sealedFor(t, ring, 1, []byte(plain))}
	return asking{courier, claim, ring, server.URL}
}

func askAlipay(t *testing.T, change func(h http.Header, status int, body string) (int, string)) (asking, *channels.Alipay) {
	t.Helper()
	a, err := channels.NewAlipay("2026000100000001")
	if err != nil {
		t.Fatal(err)
	}
	q := ask(t, tamper(a, change), "alipay-gateway", a.Secret(), a.AnswerKey())
	q.claim.Policy.Format = outbox.FormatForm
	q.claim.Policy.Acknowledge = `json("alipay_trade_query_response.trade_status") in ["TRADE_SUCCESS", "TRADE_FINISHED", "TRADE_CLOSED"]`
	q.claim.Policy.Reject = `body contains "REJECT"`
	q.claim.Body = fmt.Sprintf(`{"app_id": %q, "method": "alipay.trade.query", "biz_content": { "out_trade_no" : %q, "x": 1.00 } }`, a.AppID(), tradeNo)
	return q, a
}

func askWeChatPay(t *testing.T, change func(h http.Header, status int, body string) (int, string)) (asking, *channels.WeChatPay) {
	t.Helper()
	p, err := channels.NewWeChatPay("1900000001")
	if err != nil {
		t.Fatal(err)
	}
	q := ask(t, tamper(p, change), "wechatpay-request", p.Secret(), p.AnswerKey())
	q.claim.Policy.Method, q.claim.Policy.Format = outbox.MethodGet, outbox.FormatQuery
	q.claim.Policy.Acknowledge = `json("trade_state") in ["SUCCESS", "REFUND", "CLOSED", "REVOKED", "PAYERROR"]`
	q.claim.Policy.Reject = `body contains "REJECT"`
	q.claim.URL, _, _ = strings.Cut(q.url+p.Path(tradeNo), "?")
	q.claim.Body = fmt.Sprintf(`{"mchid":%q}`, p.MchID())
	return q, p
}

// A question is asked until the trade is final, and hooks get what was answered.
func TestQuestionsToChannels(t *testing.T) {
	t.Parallel()
	alipay, a := askAlipay(t, nil)
	weChat, p := askWeChatPay(t, nil)
	a.Script(tradeNo, channels.NotExist, "WAIT_BUYER_PAY", "TRADE_SUCCESS")
	p.Script(tradeNo, channels.NotExist, "NOTPAY", "SUCCESS")
	for name, c := range map[string]struct {
		asking
		answers  []string
		statuses []int
	}{
		"Alipay":     {alipay, []string{"ACQ.TRADE_NOT_EXIST", "WAIT_BUYER_PAY", "TRADE_SUCCESS"}, []int{200, 200, 200}},
		"WeChat Pay": {weChat, []string{"ORDER_NOT_EXIST", "NOTPAY", "SUCCESS"}, []int{404, 200, 200}},
	} {
		for i, says := range c.answers {
			r := c.courier.Deliver(t.Context(), c.claim)
			outcome := outbox.OutcomeAnswered
			if i == 2 {
				outcome = outbox.OutcomeAcknowledged
			}
			if r.Outcome != outcome || r.HTTPStatus != c.statuses[i] || !strings.Contains(r.Answer, says) || strings.Contains(r.Error, "signature") {
				t.Errorf("%s, question %d: %+v", name, i, r)
			}
		}
	}
	if a.Questions(tradeNo) != 3 || p.Questions(tradeNo) != 3 || a.Refused() != 0 || p.Refused() != 0 {
		t.Errorf("Alipay %d, %d refused; WeChat Pay %d, %d refused", a.Questions(tradeNo), a.Refused(), p.Questions(tradeNo), p.Refused())
	}
	alipay.claim.Alone = false
	if r := alipay.courier.Deliver(t.Context(), alipay.claim); r.Answer != "" || r.Outcome != outbox.OutcomeAcknowledged {
		t.Errorf("without a hook: %+v", r)
	}
}

// A channel that gets another's signature says so, unsigned: that is answered.
func TestQuestionsThatAreRefused(t *testing.T) {
	t.Parallel()
	alipay, _ := askAlipay(t, nil)
	weChat, _ := askWeChatPay(t, nil)
	_, other := askAlipay(t, nil)
	_, otherWeChat := askWeChatPay(t, nil)
	alipay.claim.Secrets = []outbox.Secret{sealedFor(t, alipay.ring, 2, []byte(other.Secret()))}
	weChat.claim.Secrets = []outbox.Secret{sealedFor(t, weChat.ring, 2, []byte(otherWeChat.Secret()))}
	for _, c := range []struct {
		asking
		status int
		code   string
	}{{alipay, 200, "isv.invalid-signature"}, {weChat, 401, "SIGN_ERROR"}} {
		r := c.courier.Deliver(t.Context(), c.claim)
		if r.Outcome != outbox.OutcomeAnswered || r.HTTPStatus != c.status || !strings.Contains(r.Excerpt, c.code) ||
			!strings.HasPrefix(r.Error, fmt.Sprintf("the answer's signature is missing: status %d with \"{", c.status)) {
			t.Errorf("%+v", r)
		}
		if r.Answer != "" {
			t.Errorf("a hook would believe %q", r.Answer)
		}
	}
}

// Without a key that verifies answers, nothing is asked.
func TestNothingIsAskedWithoutAnAnswerKey(t *testing.T) {
	t.Parallel()
	alipay, a := askAlipay(t, nil)
	weChat, p := askWeChatPay(t, nil)
	for name, c := range map[string]struct{ key, says string }{
		"none":    {"", "its answers cannot be verified: its answer_key, the public key of the other side, is missing"},
		"private": {a.Secret(), "its answers cannot be verified: its answer_key, the public key of the other side, is a private key"},
	} {
		for _, q := range []asking{alipay, weChat} {
			good := q.claim.AnswerKey
			q.claim.AnswerKey = c.key
			r := q.courier.Deliver(t.Context(), q.claim)
			if r.Outcome != outbox.OutcomeInterrupted || !r.Parked || !strings.HasPrefix(r.Error, "nothing was sent, "+c.says) {
				t.Errorf("%s: %+v", name, r)
			}
			e := &outbox.Endpoint{ID: "m-1", Signature: q.claim.Signature, Secrets: q.claim.Secrets, AnswerKey: c.key}
			if err := q.courier.CheckEndpoint(e, q.claim.Policy); err == nil || !strings.HasPrefix(err.Error(), c.says) {
				t.Errorf("%s: %v", name, err)
			}
			q.claim.AnswerKey, e.AnswerKey = good, good
			if err := q.courier.CheckEndpoint(e, q.claim.Policy); err != nil {
				t.Errorf("%s, mended: %v", name, err)
			}
		}
	}
	if a.Questions(tradeNo)+p.Questions(tradeNo)+a.Refused()+p.Refused() != 0 {
		t.Error("something was asked")
	}
	for _, q := range []asking{alipay, weChat} { // and it goes on by itself
		if r := q.courier.Deliver(t.Context(), q.claim); r.Parked {
			t.Errorf("%+v", r)
		}
	}
}

// A probe of a channel asks about no trade, verifies the answer and forges nothing.
func TestProbesOfChannels(t *testing.T) {
	t.Parallel()
	alipay, a := askAlipay(t, nil)
	weChat, _ := askWeChatPay(t, func(h http.Header, status int, body string) (int, string) {
		h.Del("Wechatpay-Signature")
		return status, body
	})
	a.Script("", channels.NotExist)
	for _, q := range []asking{alipay, weChat} {
		e := &outbox.Endpoint{ID: "m-1", URL: q.url, Signature: q.claim.Signature, Secrets: q.claim.Secrets, AnswerKey: q.claim.AnswerKey}
		report := q.courier.Probe(t.Context(), e, q.claim.Policy, time.Now())
		found := map[string]delivery.Finding{}
		for _, c := range report.Checks {
			found[c.Name] = c.Finding
		}
		if !report.Passed || found["acknowledge"] != delivery.Warned || found["forged"] != delivery.Skipped || found["unsigned"] != delivery.Skipped || found["repeat"] != delivery.Skipped {
			t.Errorf("%s", report.Text())
		}
	}
	if a.Refused() != 1 {
		t.Errorf("%d requests", a.Refused())
	}
}
