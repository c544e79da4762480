package sign_test

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/orderbell/orderbell/internal/delivery/sign"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Keys that openssl made for these tests, and that nothing else trusts.
var (
	//go:embed testdata/rsa-2048-a.pem
	rsaPEM string
	//go:embed testdata/rsa-2048-a-public.pem
	rsaPublicPEM string
	//go:embed testdata/rsa-2048-a-pkcs1.pem
	rsaPKCS1 string
	//go:embed testdata/rsa-2048-b.pem
	otherRSA string
	//go:embed testdata/rsa-2048-encrypted.pem
	rsaEncrypted string
	//go:embed testdata/rsa-2048-encrypted-pkcs1.pem
	rsaEncryptedPKCS1 string
	//go:embed testdata/rsa-1024.pem
	rsaShort string
	//go:embed testdata/rsa-8208.pem
	rsaLong string
	//go:embed testdata/ec-p256.pem
	ecPEM string
)

const (
	sharedSecret      = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	otherSharedSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	// The key pair of the first test in RFC 8032.
	privateSecret = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg=="
	seedSecret    = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
	publicOfIt    = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	hmacSecret    = "a shared secret of some length"
	apiV3Key      = "0123456789abcdefghijklmnopqrstuv"
	serial        = "PUB_KEY_ID_0000000000000024101100397200000006"

	id = "019a9f3c-5a2b-7c3d-8e4f-0123456789ab"
)

var china = time.FixedZone("", 8*60*60)

func wechatPaySecret(privateKey string) string {
	text, _ := json.Marshal(map[string]string{"private_key": privateKey, "serial": serial, "api_v3_key": apiV3Key})
	return string(text)
}

func wechatPayAccount(privateKey string) string {
	text, _ := json.Marshal(map[string]string{"private_key": privateKey, "serial": serial, "mchid": "1900000001"})
	return string(text)
}

func parse(tb testing.TB, signature string) sign.Scheme {
	tb.Helper()
	scheme, err := sign.Parse(signature)
	if err != nil {
		tb.Fatal(err)
	}
	return scheme
}

// keys reads secrets, the newest first.
func keys(tb testing.TB, signature string, secrets ...string) []*sign.Key {
	tb.Helper()
	var all []*sign.Key
	for _, secret := range secrets {
		key, err := parse(tb, signature).Key([]byte(secret))
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, key)
	}
	return all
}

// message is one that the scheme can sign.
func message(signature string) *sign.Message {
	m := &sign.Message{
		ID: id, Event: "TRANSACTION.SUCCESS",
		Created: time.Date(2026, 11, 20, 15, 59, 59, 5e8, time.UTC),
		At:      time.Date(2026, 11, 21, 1, 2, 3, 9e8, china),
		Method:  http.MethodPost, Format: "body", Body: `{"trade_state":"SUCCESS","out_trade_no":"2026112000017"}`,
	}
	m.URL = &url.URL{Scheme: "https", Host: "pay.example", Path: "/v3/orders/42", RawQuery: "mchid=1900000001"}
	if signature == "wechatpay-request" {
		m.Method, m.Format, m.Body = http.MethodGet, "query", ""
	}
	if signature == "alipay-rsa2" || signature == "alipay-gateway" {
		m.Format, m.Body = "form", "trade_status=TRADE_SUCCESS&total_amount=0.01"
	}
	return m
}

func signed(tb testing.TB, signature string, m *sign.Message, secrets ...string) sign.Signed {
	tb.Helper()
	s, err := parse(tb, signature).Sign(keys(tb, signature, secrets...), m)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// header makes what a receiver gets of the headers.
func header(s sign.Signed) http.Header {
	h := http.Header{}
	for _, one := range s.Headers {
		h.Set(one.Name, one.Value)
	}
	return h
}
