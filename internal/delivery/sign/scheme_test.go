package sign_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/delivery/sign"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"none": "none", "standard-webhooks": "standard-webhooks", "alipay-rsa2": "alipay-rsa2", "wechatpay-v3": "wechatpay-v3",
		"alipay-gateway": "alipay-gateway", "wechatpay-request": "wechatpay-request",
		"hmac-sha256": "hmac-sha256", "hmac-sha256:Orderbell-Signature": "hmac-sha256", "hmac-sha256:orderbell-signature": "hmac-sha256",
		"hmac-sha256:x-hub-signature-256": "hmac-sha256:X-Hub-Signature-256", "hmac-sha256:Authorization": "hmac-sha256:Authorization",
	} {
		s, err := sign.Parse(text)
		if err != nil || s.String() != want || s.Signs() != (text != "none") {
			t.Errorf("%s: %s, %v", text, s, err)
		}
		if again := parse(t, want); again != s {
			t.Errorf("%s and %s are not equal", text, want)
		}
	}
}

func TestParseSaysWhatThereIs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "there are none, standard-webhooks, alipay-rsa2, wechatpay-v3, hmac-sha256 and hmac-sha256:Header-Name; for questions to payment channels alipay-gateway and wechatpay-request", "None": "there are none,",
		"hmac-sha512": "there are none,", "none:X": "there are none,", "alipay": "alipay-rsa2",
		"hmac-sha256:": "the name of the header is missing", "hmac-sha256:X Y": "no name of a header", "hmac-sha256:X\r\nY: z": "no name of a header",
		"hmac-sha256:签名": "no name of a header", "hmac-sha256:content-length": "Content-Length has another use", "hmac-sha256:HOST": "another use",
		"hmac-sha256:orderbell-notification-id": "Orderbell-Notification-Id has another use",
	} {
		s, err := sign.Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || s != (sign.Scheme{}) {
			t.Errorf("%q: %v, %v; want %q", text, s, err, want)
		}
	}
}

// A scheme that nobody read must not pass for none.
func TestZeroSchemeLetsNothingThrough(t *testing.T) {
	t.Parallel()
	var s sign.Scheme
	_, signing := s.Sign(nil, message(""))
	_, reading := s.Key([]byte(hmacSecret))
	_, _, generating := s.Generate()
	for _, err := range []error{signing, reading, generating, s.Fits(http.MethodPost, "body")} {
		if err == nil {
			t.Error("no error")
		}
	}
	if !s.Signs() || s.String() != "(no scheme)" {
		t.Errorf("%v, %v", s.Signs(), s)
	}
}

func TestNone(t *testing.T) {
	t.Parallel()
	s := parse(t, "none")
	got, err := s.Sign(nil, message("none"))
	if diff := cmp.Diff(sign.Signed{Body: message("none").Body}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for _, format := range []string{"body", "form", "query"} {
		if err := s.Fits(http.MethodGet, format); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Key([]byte(hmacSecret)); err == nil {
		t.Error("a key for none")
	}
	if _, _, err := s.Generate(); err == nil {
		t.Error("a secret for none")
	}
}

func TestFits(t *testing.T) {
	t.Parallel()
	fits := map[string]string{
		"standard-webhooks": "POST body,POST form,GET body,GET form", "hmac-sha256:X-Y": "POST body,POST form,GET body,GET form",
		"alipay-rsa2": "POST form", "wechatpay-v3": "POST body",
		"alipay-gateway": "POST form", "wechatpay-request": "GET query,POST body",
	}
	secrets := map[string]string{"standard-webhooks": sharedSecret, "hmac-sha256:X-Y": hmacSecret, "alipay-rsa2": rsaPEM, "wechatpay-v3": wechatPaySecret(rsaPEM), "alipay-gateway": rsaPEM, "wechatpay-request": wechatPayAccount(rsaPEM)}
	for signature, list := range fits {
		s, key := parse(t, signature), keys(t, signature, secrets[signature])
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			for _, format := range []string{"body", "form", "query"} {
				want := strings.Contains(","+list+",", ","+method+" "+format+",")
				err := s.Fits(method, format)
				if (err == nil) != want {
					t.Errorf("%s, %s, %s: %v", signature, method, format, err)
				}
				if err != nil && (!strings.Contains(err.Error(), format) || errors.Is(err, sign.ErrBody)) {
					t.Errorf("%s, %s, %s: %v", signature, method, format, err)
				}
				m := message(signature)
				m.Method, m.Format = method, format
				if got, err := s.Sign(key, m); (err == nil) != want || (err != nil) != (got.Body == "" && got.Headers == nil) {
					t.Errorf("%s, %s, %s: signed %v, %v", signature, method, format, got, err)
				}
			}
		}
	}
}

// Without a key of its own a scheme gives nothing that could be sent.
func TestNothingWithoutItsKey(t *testing.T) {
	t.Parallel()
	wrong := map[string]string{"standard-webhooks": hmacSecret, "hmac-sha256": sharedSecret, "alipay-rsa2": wechatPaySecret(rsaPEM), "wechatpay-v3": rsaPEM, "alipay-gateway": rsaPEM, "wechatpay-request": wechatPaySecret(rsaPEM)}
	other := map[string]string{"standard-webhooks": "hmac-sha256", "hmac-sha256": "standard-webhooks", "alipay-rsa2": "wechatpay-v3", "wechatpay-v3": "alipay-rsa2", "alipay-gateway": "alipay-rsa2", "wechatpay-request": "wechatpay-v3"}
	for signature, secret := range wrong {
		for name, list := range map[string][]*sign.Key{"none": nil, "nil": {nil}, "the zero key": {{}}, "another's": keys(t, other[signature], secret)} {
			got, err := parse(t, signature).Sign(list, message(signature))
			if err == nil || errors.Is(err, sign.ErrBody) || got.Body != "" || got.Headers != nil {
				t.Errorf("%s with %s: %v, %v", signature, name, got, err)
			}
		}
	}
}

// A key is the same whichever header its signature goes to.
func TestHeaderChangesUnderAKey(t *testing.T) {
	t.Parallel()
	got, err := parse(t, "hmac-sha256:X-New").Sign(keys(t, "hmac-sha256", hmacSecret), message("hmac-sha256"))
	if err != nil || len(got.Headers) != 1 || got.Headers[0].Name != "X-New" {
		t.Errorf("%v, %v", got, err)
	}
}

// Schemes with one signature sign with the oldest key that is still valid.
func TestOldestKeySigns(t *testing.T) {
	t.Parallel()
	for signature, pair := range map[string][2]string{
		"hmac-sha256": {"the newer secret of the two", hmacSecret}, "alipay-rsa2": {otherRSA, rsaPEM}, "alipay-gateway": {otherRSA, rsaPEM},
	} {
		both := signed(t, signature, message(signature), pair[0], pair[1])
		if diff := cmp.Diff(signed(t, signature, message(signature), pair[1]), both); diff != "" {
			t.Errorf("%s: %s", signature, diff)
		}
		if cmp.Equal(signed(t, signature, message(signature), pair[0]), both) {
			t.Errorf("%s: both keys sign the same", signature)
		}
	}
	newer := strings.Replace(wechatPaySecret(otherRSA), serial, "NEWER", 1)
	both := signed(t, "wechatpay-v3", message("wechatpay-v3"), newer, wechatPaySecret(rsaPEM))
	if got := header(both).Get("Wechatpay-Serial"); got != serial {
		t.Errorf("wechatpay-v3: %s signed", got)
	}
}

func TestStandardWebhooksIDWithDot(t *testing.T) {
	t.Parallel()
	m := message("standard-webhooks")
	m.ID = "a.b"
	if _, err := parse(t, "standard-webhooks").Sign(keys(t, "standard-webhooks", sharedSecret), m); err == nil {
		t.Error("signed")
	}
}
