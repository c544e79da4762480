package delivery_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	alipaysdk "github.com/smartwalle/alipay/v3"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/verifiers"
	"github.com/wechatpay-apiv3/wechatpay-go/core/notify"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/delivery/sign"
	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/secret"
)

// verifier is a merchant's check of a request: an error where it does not believe it.
type verifier func(body string, h http.Header) error

// received is a request as the merchant saw it.
type received struct {
	header http.Header
	body   string
}

// till is a merchant that does everything right, but for its flaws.
type till struct {
	verify verifier
	flaws

	mu   sync.Mutex
	seen map[string]bool
	all  []received
}

// flaws are what a merchant does wrong; the zero value is none.
type flaws struct {
	believes  func(*http.Request) bool            // takes this request without verifying
	again     int                                 // the status for an id that was seen before
	answer    func(http.ResponseWriter)           // instead of success
	refuse    func(http.ResponseWriter)           // instead of 401
	intercept func(http.ResponseWriter, received) // before anything else; what it writes is the answer
}

func (m *till) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	now := received{r.Header.Clone(), string(text)}
	id := r.Header.Get("Orderbell-Notification-Id")
	m.mu.Lock()
	seen := m.seen[id]
	m.seen[id] = true
	m.all = append(m.all, now)
	m.mu.Unlock()
	err := m.verify(now.body, r.Header)
	switch {
	case m.intercept != nil:
		m.intercept(w, now)
	case err != nil && (m.believes == nil || !m.believes(r)):
		if m.refuse != nil {
			m.refuse(w)
			return
		}
		http.Error(w, "no", http.StatusUnauthorized)
	case seen && m.again != 0:
		w.WriteHeader(m.again)
	case m.answer != nil:
		m.answer(w)
	default:
		_, _ = io.WriteString(w, "success")
	}
}

func (m *till) requests() []received {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]received(nil), m.all...)
}

// counter is an endpoint with its secret, its merchant, and a courier that reaches it.
type counter struct {
	endpoint *outbox.Endpoint
	policy   *outbox.Policy
	courier  *delivery.Courier
	till     *till
	roots    *x509.CertPool
}

// with is a courier that opens secrets with other keys.
func (c *counter) with(t *testing.T, ring *secret.Keyring) *delivery.Courier {
	t.Helper()
	return newCourier(t, func(o *delivery.Options) { o.RootCAs, o.Keyring = c.roots, ring })
}

// newCounter opens a merchant over https that verifies with somebody else's code.
func newCounter(t *testing.T, signature string, f flaws, change func(*x509.Certificate)) *counter {
	t.Helper()
	m := &till{flaws: f, seen: map[string]bool{}}
	if change == nil {
		change = lasting
	}
	who := newIdentity(t, nil, change)
	server := httptest.NewUnstartedServer(m)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{who.pair}, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	c := &counter{
		till:     m,
		roots:    pool(who),
		endpoint: &outbox.Endpoint{ID: "m-1", URL: server.URL + "/notify", Policy: "standard", Signature: signature},
		policy:   &outbox.Policy{Name: "standard", Acknowledge: standard, Method: "POST", Format: formatOf(signature), Timeout: 20 * time.Second},
	}
	ring := newRing(t)
	if signature == "none" {
		m.verify = func(string, http.Header) error { return nil }
	} else {
		c.endpoint.Secrets, m.verify = newSecret(t, ring, signature)
	}
	c.courier = c.with(t, ring)
	return c
}

func (c *counter) probe(t *testing.T) delivery.Report {
	t.Helper()
	report := c.courier.Probe(t.Context(), c.endpoint, c.policy, time.Now())
	if t.Failed() {
		t.Log(report.Text())
	}
	return report
}

func lasting(c *x509.Certificate) {
	c.NotAfter = time.Now().Add(60*24*time.Hour + time.Hour)
	c.Subject.CommonName = "Shop Authority"
}

func formatOf(signature string) string {
	if signature == "alipay-rsa2" {
		return outbox.FormatForm
	}
	return outbox.FormatBody
}

func newRing(t *testing.T) *secret.Keyring {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	ring, err := secret.ParseKeys(base64.StdEncoding.EncodeToString(key))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// newSecret makes a secret for m-1, and the merchant's verifier that goes with it.
func newSecret(t *testing.T, ring *secret.Keyring, signature string) ([]outbox.Secret, verifier) {
	t.Helper()
	scheme, err := sign.Parse(signature)
	if err != nil {
		t.Fatal(err)
	}
	plain, public, err := scheme.Generate()
	if err != nil {
		t.Fatal(err)
	}
	id, sealed, err := ring.Seal(plain, "m-1", 1)
	if err != nil {
		t.Fatal(err)
	}
	return []outbox.Secret{{Version: 1, KeyID: id, Sealed: sealed}}, verifierOf(t, signature, public)
}

func verifierOf(t *testing.T, signature, public string) verifier {
	t.Helper()
	switch signature {
	case "standard-webhooks":
		webhook, err := standardwebhooks.NewWebhook(public)
		if err != nil {
			t.Fatal(err)
		}
		return func(body string, h http.Header) error { return webhook.Verify([]byte(body), h) }
	case "alipay-rsa2":
		return alipayVerifier(t, public)
	case "wechatpay-v3":
		return weChatPayVerifier(t, public)
	}
	return func(body string, h http.Header) error { // RFC 2104
		mac := hmac.New(sha256.New, []byte(public))
		mac.Write([]byte(body))
		if h.Get("X-Shop-Signature") != hex.EncodeToString(mac.Sum(nil)) {
			return errors.New("another signature")
		}
		return nil
	}
}

func alipayVerifier(t *testing.T, public string) verifier {
	t.Helper()
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	client, err := alipaysdk.New("2026112000000001", base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(own)), false)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(public))
	if err := client.LoadAliPayPublicKey(base64.StdEncoding.EncodeToString(block.Bytes)); err != nil {
		t.Fatal(err)
	}
	return func(body string, _ http.Header) error {
		values, err := url.ParseQuery(body)
		if err == nil {
			_, err = client.DecodeNotification(values)
		}
		return err
	}
}

func weChatPayVerifier(t *testing.T, public string) verifier {
	t.Helper()
	var given struct {
		PublicKey string `json:"public_key"`
		Serial    string `json:"serial"`
		APIv3Key  string `json:"api_v3_key"`
	}
	if err := json.Unmarshal([]byte(public), &given); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(given.PublicKey))
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := notify.NewRSANotifyHandler(given.APIv3Key, verifiers.NewSHA256WithRSAPubkeyVerifier(given.Serial, *key.(*rsa.PublicKey)))
	if err != nil {
		t.Fatal(err)
	}
	return func(body string, h http.Header) error {
		r := &http.Request{Method: http.MethodPost, Header: h, Body: io.NopCloser(strings.NewReader(body))}
		var content map[string]any
		_, err := handler.ParseNotifyRequest(t.Context(), r, &content)
		return err
	}
}
