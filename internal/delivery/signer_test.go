package delivery_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/delivery/sign"
	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/secret"
)

// signing is a courier with a master key, and a keyring that seals for it.
func signing(t *testing.T) (*delivery.Courier, *secret.Keyring) {
	t.Helper()
	ring, err := secret.ParseKeys(base64.StdEncoding.EncodeToString([]byte("thirty-two bytes of a master key")))
	if err != nil {
		t.Fatal(err)
	}
	return newCourier(t, func(o *delivery.Options) { o.Keyring = ring }), ring
}

// sealedFor is a version of the secret of m-1.
func sealedFor(t *testing.T, ring *secret.Keyring, version int, plain []byte) outbox.Secret {
	t.Helper()
	keyID, sealed, err := ring.Seal(plain, "m-1", version)
	if err != nil {
		t.Fatal(err)
	}
	return outbox.Secret{Version: version, KeyID: keyID, Sealed: sealed}
}

// generated is a fresh secret of a scheme.
func generated(t *testing.T, signature string) []byte {
	t.Helper()
	scheme, err := sign.Parse(signature)
	if err != nil {
		t.Fatal(err)
	}
	plain, _, err := scheme.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// Each scheme puts its signature where its merchants look for it.
func TestRequestsAreSigned(t *testing.T) {
	t.Parallel()
	for signature, has := range map[string]func(r *http.Request, body string) bool{
		"none": func(r *http.Request, _ string) bool {
			return r.Header.Get("Webhook-Signature") == "" && r.Header.Get("Orderbell-Signature") == ""
		},
		"standard-webhooks": func(r *http.Request, body string) bool {
			return strings.HasPrefix(r.Header.Get("Webhook-Signature"), "v1,") && r.Header.Get("Webhook-Timestamp") == "1700000000" &&
				r.Header.Get("Webhook-Id") == r.Header.Get("Orderbell-Notification-Id") && body == `{"order_no":"42"}`
		},
		"hmac-sha256:x-shop-sign": func(r *http.Request, _ string) bool { return len(r.Header.Get("X-Shop-Sign")) == 64 },
		"alipay-rsa2": func(_ *http.Request, body string) bool {
			form, err := url.ParseQuery(body)
			return err == nil && form.Get("sign") != "" && form.Get("sign_type") == "RSA2" && form.Get("order_no") == "42" &&
				form.Get("notify_time") == "2023-11-15 06:13:20"
		},
		"wechatpay-v3": func(r *http.Request, body string) bool {
			var envelope struct{ Resource struct{ Ciphertext string } }
			return json.Unmarshal([]byte(body), &envelope) == nil && envelope.Resource.Ciphertext != "" &&
				r.Header.Get("Wechatpay-Timestamp") == "1700000000" && r.Header.Get("Wechatpay-Signature") != ""
		},
	} {
		t.Run(signature, func(t *testing.T) {
			t.Parallel()
			courier, ring := signing(t)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if body, err := io.ReadAll(r.Body); err == nil && has(r, string(body)) {
					_, _ = w.Write([]byte("success"))
				}
			}))
			t.Cleanup(server.Close)
			claim := claimFor(server.URL)
			claim.Signature, claim.At = signature, time.Unix(1_700_000_000, 0)
			claim.Headers = map[string]string{"Webhook-Signature": "v1,mine", "X-Shop-Sign": "mine"}
			if signature == "none" {
				claim.Headers = nil
			} else {
				claim.Secrets = []outbox.Secret{sealedFor(t, ring, 1, generated(t, signature))}
			}
			if signature == "alipay-rsa2" {
				claim.Policy.Format = outbox.FormatForm
			}
			want(t, courier.Deliver(t.Context(), claim), outbox.OutcomeAcknowledged, 200, "")
		})
	}
}

// During a rotation both keys sign; a key that has retired does not.
func TestKeysFollowTheSecrets(t *testing.T) {
	t.Parallel()
	courier, ring := signing(t)
	server, _ := answering(t, answerWith("success"))
	claim := claimFor(server.url)
	claim.Signature, claim.At = "standard-webhooks", time.Unix(1_700_000_000, 0)
	first, second := sealedFor(t, ring, 1, generated(t, claim.Signature)), sealedFor(t, ring, 2, generated(t, claim.Signature))
	var signatures []int
	for _, secrets := range [][]outbox.Secret{{first}, {second, first}, {second}} {
		claim.Secrets = secrets
		want(t, courier.Deliver(t.Context(), claim), outbox.OutcomeAcknowledged, 200, "")
		all := server.received()
		signatures = append(signatures, strings.Count(all[len(all)-1], "v1,"))
	}
	if signatures[0] != 1 || signatures[1] != 2 || signatures[2] != 1 {
		t.Errorf("signatures: %v", signatures)
	}
}

// What should be signed and cannot be is not sent, and costs no rung.
func TestNothingGoesOutUnsigned(t *testing.T) {
	t.Parallel()
	courier, ring := signing(t)
	server, _ := answering(t, answerWith("success"))
	good := sealedFor(t, ring, 1, generated(t, "standard-webhooks"))
	bad := good
	bad.Version = 2
	other := good
	other.KeyID = "00000000"
	for name, test := range map[string]struct {
		signature, format string
		secrets           []outbox.Secret
		says              string
	}{
		"no secret":           {"standard-webhooks", "body", nil, "it has no secret; make one with: orderbell endpoint rotate-secret"},
		"of another version":  {"standard-webhooks", "body", []outbox.Secret{bad}, "does not open"},
		"another master key":  {"standard-webhooks", "body", []outbox.Secret{other}, "00000000"},
		"one of two":          {"standard-webhooks", "body", []outbox.Secret{good, bad}, "does not open"},
		"for another scheme":  {"alipay-rsa2", "form", []outbox.Secret{good}, "version 1 of its secret"},
		"no such scheme":      {"rot13", "body", []outbox.Secret{good}, "there is no signature scheme"},
		"a format that is no": {"alipay-rsa2", "body", []outbox.Secret{good}, "needs the method POST and the format form"},
	} {
		claim := claimFor(server.url)
		claim.Signature, claim.Secrets, claim.Policy.Format = test.signature, test.secrets, test.format
		r := courier.Deliver(t.Context(), claim)
		if r.Outcome != outbox.OutcomeInterrupted || !r.Parked || !strings.HasPrefix(r.Error, "nothing was sent, it cannot be signed: ") || !strings.Contains(r.Error, test.says) {
			t.Errorf("%s: %+v", name, r)
		}
		endpoint := &outbox.Endpoint{ID: "m-1", Signature: test.signature, Secrets: test.secrets}
		if err := courier.CheckEndpoint(endpoint, claim.Policy); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: the check says %v", name, err)
		}
	}
	if n := len(server.received()); n != 0 {
		t.Errorf("%d requests", n)
	}
	endpoint := &outbox.Endpoint{ID: "m-1", Signature: "standard-webhooks", Secrets: []outbox.Secret{good}}
	if err := courier.CheckEndpoint(endpoint, claimFor("").Policy); err != nil {
		t.Error(err)
	}
}

// A body that can never be signed ends the row.
func TestABodyThatCannotBeSigned(t *testing.T) {
	t.Parallel()
	courier, ring := signing(t)
	server, _ := answering(t, answerWith("success"))
	claim := claimFor(server.url)
	claim.Signature, claim.Policy.Format = "alipay-rsa2", outbox.FormatForm
	claim.Secrets = []outbox.Secret{sealedFor(t, ring, 1, generated(t, claim.Signature))}
	claim.Body = `{"a":"1","a":"2"}`
	if r := courier.Deliver(t.Context(), claim); r.Outcome != outbox.OutcomeRejected || len(server.received()) != 0 {
		t.Errorf("%+v", r)
	}
}
