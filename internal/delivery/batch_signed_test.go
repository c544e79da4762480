package delivery_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/outbox"
)

// The signature is of the whole body, with an id that no other batch has.
func TestBatchesAreSigned(t *testing.T) {
	t.Parallel()
	courier, ring := signing(t)
	plain := generated(t, "standard-webhooks")
	webhook, err := standardwebhooks.NewWebhook(string(plain))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var ids []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, r.Header.Get("Webhook-Id"))
		if err != nil || webhook.Verify(body, r.Header) != nil || webhook.Verify(slices.Concat(body, []byte(" ")), r.Header) == nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `["success","fail","success"]`)
	}))
	t.Cleanup(server.Close)
	claims := some(3, server.URL)
	secrets := []outbox.Secret{sealedFor(t, ring, 1, plain)}
	for _, c := range claims {
		c.Signature, c.Secrets, c.At = "standard-webhooks", slices.Clone(secrets), time.Now()
	}
	if got := outcomes(courier.DeliverBatch(t.Context(), claims)); got != "+-+" {
		t.Errorf("%s", got)
	}
	claims[2].Secrets = []outbox.Secret{sealedFor(t, ring, 2, plain)} // as after a rotation
	courier.DeliverBatch(t.Context(), claims)
	// Of all three, of the first two, and of the one that is alone.
	if len(ids) != 3 || ids[2] != outbox.FormatID(claims[2].ID) {
		t.Fatalf("the messages are %v", ids)
	}
	first := outbox.FormatID(claims[0].ID)
	if ids[0] == first || ids[1] == first || ids[0] == ids[1] {
		t.Errorf("other batches that begin with %s are %v", first, ids[:2])
	}
}

// WeChat Pay's envelope has room for one event.
func TestBatchInAnEnvelope(t *testing.T) {
	t.Parallel()
	courier, ring := signing(t)
	m := merchanttest.New(t)
	secrets := []outbox.Secret{sealedFor(t, ring, 1, generated(t, "wechatpay-v3"))}
	for i, event := range []string{"trade.success", "orderbell.batch"} {
		claims := some(2, m.URL)
		for _, c := range claims {
			c.Signature, c.At, c.Secrets = "wechatpay-v3", time.Now(), secrets
		}
		if i == 1 {
			claims[1].Event = "trade.closed"
		}
		courier.DeliverBatch(t.Context(), claims)
		all := m.Requests()
		if last := all[len(all)-1]; len(all) != i+1 || !strings.Contains(last.Body, `"event_type":"`+event+`"`) {
			t.Errorf("%s", last.Body)
		}
	}
}

// Questions are asked one at a time, and what signs another format waits alone.
func TestWhatIsNoBatch(t *testing.T) {
	t.Parallel()
	q, p := askWeChatPay(t, nil)
	p.Script(tradeNo, "SUCCESS")
	second := *q.claim
	if got := outcomes(q.courier.DeliverBatch(t.Context(), []*outbox.Claim{q.claim, &second})); got != "++" || p.Questions(tradeNo) != 2 {
		t.Errorf("%s, %d questions", got, p.Questions(tradeNo))
	}
	post := *q.claim
	policy := *q.claim.Policy
	policy.Method, policy.Format = http.MethodPost, outbox.FormatBody
	post.Policy, post.Signature = &policy, "wechatpay-request"
	again := post
	q.courier.DeliverBatch(t.Context(), []*outbox.Claim{&post, &again})
	if p.Refused() != 2 {
		t.Errorf("%d requests", p.Refused())
	}
	results := q.courier.DeliverBatch(t.Context(), []*outbox.Claim{nil, {Policy: nil}})
	if results[0].Outcome != outbox.OutcomeUnreachable || results[1].Outcome != outbox.OutcomeInterrupted {
		t.Errorf("%+v", results)
	}
	if got := q.courier.DeliverBatch(t.Context(), nil); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// A batch of one is an array too, and a probe of such an endpoint.
func TestProbesOfBatches(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	courier := newCourier(t, nil)
	m.Script("", merchanttest.Answer{Body: `["success"]`})
	if got := outcomes(courier.DeliverBatch(t.Context(), some(1, m.URL))); got != "+" || m.Requests()[0].Header.Get("Orderbell-Batch") != "1" {
		t.Errorf("%s, %v", got, m.Requests())
	}
	e := &outbox.Endpoint{ID: "m-1", URL: m.URL, BatchSize: 20, Headers: map[string]string{"X-A": "a private text"}}
	report := courier.Probe(t.Context(), e, claimFor("").Policy, time.Now())
	if !report.Passed || !strings.Contains(report.Text(), "POST, format body, as a batch of one; wanted") {
		t.Errorf("%s", report.Text())
	}
	for _, r := range m.Requests()[1:] {
		list := read(t, r.Body)
		if len(list) != 1 || list[0].ID != r.NotificationID || list[0].Event != "orderbell.probe" || r.Header.Get("Orderbell-Probe") != "1" || r.Attempt == 0 || r.Header.Get("Orderbell-Batch") != "1" {
			t.Errorf("%+v", r)
		}
	}
	m.Script("", merchanttest.Answer{Body: `["a private text"]`})
	report = courier.Probe(t.Context(), e, claimFor("").Policy, time.Now())
	if report.Passed || strings.Contains(report.Text(), "private") || !strings.Contains(report.Text(), "[hidden]") {
		t.Errorf("%s", report.Text())
	}
}
