package sign_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	alipaysdk "github.com/smartwalle/alipay/v3"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/verifiers"
	"github.com/wechatpay-apiv3/wechatpay-go/core/notify"

	"github.com/orderbell/orderbell/internal/delivery/sign"
)

// receiver is a merchant: it returns what it was told, or why it does not believe it.
type receiver func(body string, h http.Header) (told string, err error)

// exchange is a scheme with a merchant that verifies it.
type exchange struct {
	signature string
	key       *sign.Key
	receive   receiver
	payload   func(*dice) string
	// meaning is what the scheme protects. Two requests with the same meaning are one
	// request in two spellings. Headers but for those that it wants are protected as
	// they are.
	meaning func(body string, h http.Header) string
	// payloads is how many random ones are sent.
	payloads int
}

// Every scheme gets 10,000 payloads. Most of those that RSA signs get a key of 1024
// bits, which no endpoint can have: it signs in 0.2 ms, and one of 2048 bits in 1.1.
const (
	payloads     = 10_000
	payloads2048 = 500
	payloads1024 = payloads - payloads2048
)

func exchanges(t *testing.T) map[string]exchange {
	t.Helper()
	key := func(signature, secret string) *sign.Key { return keys(t, signature, secret)[0] }
	long, short := readRSA(t, rsaPEM), readRSA(t, rsaShort)
	inWebhook, inWechatpay := inBase64("Webhook-Signature"), inBase64("Wechatpay-Signature")
	alipay, weChat := key("alipay-rsa2", rsaPEM), key("wechatpay-v3", wechatPaySecret(rsaPEM))
	return map[string]exchange{
		"standard-webhooks v1":   {"standard-webhooks", key("standard-webhooks", sharedSecret), standardMerchant(t, sharedSecret), (*dice).bytes, literally, payloads},
		"standard-webhooks v1a":  {"standard-webhooks", key("standard-webhooks", privateSecret), ed25519Merchant(t, publicOfIt), (*dice).bytes, inWebhook, payloads},
		"alipay-rsa2":            {"alipay-rsa2", alipay, alipayMerchant(t, long), (*dice).form, alipayMeaning, payloads2048},
		"alipay-rsa2 1024 bits":  {"alipay-rsa2", alipay.WithRSA(short), alipayMerchant(t, short), (*dice).form, alipayMeaning, payloads1024},
		"wechatpay-v3":           {"wechatpay-v3", weChat, weChatPayMerchant(t, long), (*dice).object, inWechatpay, payloads2048},
		"wechatpay-v3 1024 bits": {"wechatpay-v3", weChat.WithRSA(short), weChatPayMerchant(t, short), (*dice).object, inWechatpay, payloads1024},
		"hmac-sha256":            {"hmac-sha256", key("hmac-sha256", hmacSecret), hmacMerchant(hmacSecret), (*dice).bytes, literally, payloads},
	}
}

func readRSA(t *testing.T, text string) *rsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PrivateKey)
}

// standardMerchant verifies with the library of Standard Webhooks.
func standardMerchant(t *testing.T, secret string) receiver {
	t.Helper()
	webhook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	return func(body string, h http.Header) (string, error) { return body, webhook.Verify([]byte(body), h) }
}

// ed25519Merchant reads the headers by itself, since that library knows v1 alone.
func ed25519Merchant(t *testing.T, public string) receiver {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(public, "whpk_"))
	if err != nil {
		t.Fatal(err)
	}
	return func(body string, h http.Header) (string, error) {
		content := h.Get("webhook-id") + "." + h.Get("webhook-timestamp") + "." + body
		for one := range strings.FieldsSeq(h.Get("webhook-signature")) {
			text, ok := strings.CutPrefix(one, "v1a,")
			signature, err := base64.StdEncoding.DecodeString(text)
			if ok && err == nil && ed25519.Verify(key, []byte(content), signature) {
				return body, nil
			}
		}
		return "", errors.New("no signature fits")
	}
}

// alipayMerchant verifies with an SDK for Alipay. What it was told is the fields.
func alipayMerchant(t *testing.T, key *rsa.PrivateKey) receiver {
	t.Helper()
	client, err := alipaysdk.New("2026112000000001", bare(otherRSA), false)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.LoadAliPayPublicKey(base64.StdEncoding.EncodeToString(public)); err != nil {
		t.Fatal(err)
	}
	return func(body string, _ http.Header) (string, error) {
		values, err := url.ParseQuery(body)
		if err != nil {
			return "", err
		}
		_, err = client.DecodeNotification(values)
		return body, err
	}
}

// weChatPayMerchant verifies and decrypts with WeChat Pay's own SDK.
func weChatPayMerchant(t *testing.T, key *rsa.PrivateKey) receiver {
	t.Helper()
	handler, err := notify.NewRSANotifyHandler(apiV3Key, verifiers.NewSHA256WithRSAPubkeyVerifier(serial, key.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return func(body string, h http.Header) (string, error) {
		r := &http.Request{Method: http.MethodPost, Header: h, Body: io.NopCloser(strings.NewReader(body))}
		var content map[string]any
		got, err := handler.ParseNotifyRequest(t.Context(), r, &content)
		if err != nil {
			return "", err
		}
		return got.Resource.Plaintext, nil
	}
}

// hmacMerchant computes RFC 2104 from SHA-256 alone.
func hmacMerchant(secret string) receiver {
	inner, outer := bytes.Repeat([]byte{0x36}, 64), bytes.Repeat([]byte{0x5c}, 64)
	for i := range secret {
		inner[i] ^= secret[i]
		outer[i] ^= secret[i]
	}
	return func(body string, h http.Header) (string, error) {
		first := sha256.Sum256(append(slices.Clone(inner), body...))
		second := sha256.Sum256(append(slices.Clone(outer), first[:]...))
		if h.Get("Orderbell-Signature") != hex.EncodeToString(second[:]) {
			return "", errors.New("another signature")
		}
		return body, nil
	}
}

// literally: every byte counts.
func literally(body string, h http.Header) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(h)) {
		b.WriteString(name + "\x00" + h.Get(name) + "\x00") // nothing that is sent has a NUL
	}
	return b.String() + body
}

// inBase64: every byte counts, but for bits of the last character that base64 has no
// use for. The signature is 256 or 64 bytes, so that there are four.
func inBase64(name string) func(string, http.Header) string {
	return func(body string, h http.Header) string {
		h = h.Clone()
		version, text, ok := strings.Cut(h.Get(name), ",")
		if !ok {
			version, text = "", version
		}
		if signature, err := base64.StdEncoding.DecodeString(text); err == nil {
			h.Set(name, version+","+hex.EncodeToString(signature))
		}
		return literally(body, h)
	}
}

// alipayMeaning: the fields, decoded. Alipay's format leaves sign_type and empty fields
// out of what is signed.
func alipayMeaning(body string, _ http.Header) string {
	values, err := url.ParseQuery(body)
	if err != nil {
		return "malformed: " + body
	}
	if signature, err := base64.StdEncoding.DecodeString(values.Get("sign")); err == nil {
		values.Set("sign", hex.EncodeToString(signature))
	}
	values.Del("sign_type")
	for name, list := range values {
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
		if slices.Equal(list, []string{""}) {
			delete(values, name)
		}
	}
	return values.Encode()
}

// told is what a merchant must have understood of a payload.
func (e exchange) told(t *testing.T, payload, got string) {
	t.Helper()
	if e.signature != "alipay-rsa2" {
		if got != payload {
			t.Errorf("told %q of %q", got, payload)
		}
		return
	}
	want, _ := url.ParseQuery(payload)
	fields, err := url.ParseQuery(got)
	for name := range want {
		if wanted := strings.TrimSpace(want.Get(name)); err != nil || fields.Get(name) != wanted || fields.Has(name) != (wanted != "") {
			t.Errorf("told %s=%q of %q, %v", name, fields[name], want.Get(name), err)
		}
	}
}

// dice make payloads.
type dice struct{ *rand.Rand }

func (d *dice) bytes() string {
	b := make([]byte, d.IntN(1000))
	for i := range b {
		b[i] = byte(d.Uint32())
	}
	return string(b)
}

func (d *dice) text(from string, most int) string {
	letters := []rune(from)
	text := make([]rune, d.IntN(most+1))
	for i := range text {
		text[i] = letters[d.IntN(len(letters))]
	}
	return string(text)
}

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	signs   = letters + "0123456789 &=+%;:/?#<>\"'\\\t\r\n.,-~支付成功茶é\u2028😀"
)

func (d *dice) object() string {
	members := map[string]string{}
	for range d.IntN(12) {
		members[d.text(signs, 12)] = d.text(signs, 40)
	}
	text, _ := json.Marshal(members)
	return string(text)
}

// form has names of letters alone: this SDK sorts name=value, and Alipay sorts names,
// which differs where one name is another with a digit, a dot or a hyphen behind.
func (d *dice) form() string {
	seen, pairs := map[string]bool{"sign": true, "": true}, []string(nil)
	for range d.IntN(12) {
		name := d.text(letters, 12)
		if !seen[name] {
			pairs = append(pairs, name+"="+url.QueryEscape(d.text(signs, 40)))
		}
		seen[name] = true
	}
	return strings.Join(pairs, "&")
}
