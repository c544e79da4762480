package sign_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	alipaysdk "github.com/smartwalle/alipay/v3"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/credentials"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/signers"

	"github.com/orderbell/orderbell/internal/delivery/sign"
)

// RSA has one signature for a text and a key, so a question is the SDK's, field by field.
func TestAlipayQuestionIsAsAnSDKs(t *testing.T) {
	t.Parallel()
	client, err := alipaysdk.New("2026000100000001", bare(rsaPEM), false, alipaysdk.WithTimeLocation(china))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := client.URLValues(alipaysdk.TradeQuery{OutTradeNo: "茶 & <1>+=%", QueryOptions: []string{"trade_settle_info"}})
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04:05", theirs.Get("timestamp"), china)
	if err != nil {
		t.Fatal(err)
	}
	m := message("alipay-gateway")
	m.At = at.UTC()
	m.Body = url.Values{"sign": {"of the row"}, "timestamp": {"of the row"}, "app_id": theirs["app_id"], "method": theirs["method"], "format": {"JSON"}, "biz_content": theirs["biz_content"]}.Encode()
	got := signed(t, "alipay-gateway", m, rsaPEM)
	ours, err := url.ParseQuery(got.Body)
	if diff := cmp.Diff(theirs, ours); err != nil || diff != "" || got.Headers != nil || got.ContentType != "application/x-www-form-urlencoded; charset=utf-8" {
		t.Errorf("%v %s %v", err, diff, got)
	}
}

func TestAlipayQuestionWithout(t *testing.T) {
	t.Parallel()
	m := message("alipay-gateway")
	m.Body = "a=1&a=2"
	if _, err := parse(t, "alipay-gateway").Sign(keys(t, "alipay-gateway", rsaPEM), m); !errors.Is(err, sign.ErrBody) {
		t.Errorf("%v", err)
	}
}

// parameters are those of an Authorization header, in no order.
func parameters(t *testing.T, header string) map[string]string {
	t.Helper()
	scheme, list, _ := strings.Cut(header, " ")
	all := map[string]string{"": scheme}
	for one := range strings.SplitSeq(list, ",") {
		name, value, ok := strings.Cut(one, "=")
		if _, twice := all[name]; !ok || twice {
			t.Fatalf("%q", header)
		}
		all[name] = value
	}
	return all
}

func TestWeChatPayQuestionIsAsTheSDKs(t *testing.T) {
	t.Parallel()
	sdk := credentials.WechatPayCredentials{Signer: &signers.SHA256WithRSASigner{MchID: "1900000001", CertificateSerialNo: serial, PrivateKey: readRSA(t, rsaPEM)}}
	post, get := message("wechatpay-v3"), message("wechatpay-request")
	post.URL, post.Body = &url.URL{Scheme: "https", Host: "pay.example"}, `{"mchid":"1900000001"}`
	get.URL.Path = "/v3/pay/transactions/out-trade-no/a b%茶"
	for _, m := range []*sign.Message{get, post} {
		theirs, err := sdk.GenerateAuthorizationHeader(t.Context(), m.Method, m.URL.RequestURI(), m.Body)
		if err != nil {
			t.Fatal(err)
		}
		want := parameters(t, theirs)
		seconds, err := strconv.ParseInt(strings.Trim(want["timestamp"], `"`), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		m.At = time.Unix(seconds, 999)
		got, err := keys(t, "wechatpay-request", wechatPayAccount(rsaPEM))[0].AskWeChatPayWith(m, strings.Trim(want["nonce_str"], `"`))
		if err != nil {
			t.Fatal(err)
		}
		h := header(got)
		if diff := cmp.Diff(want, parameters(t, h.Get("Authorization"))); diff != "" || got.Body != m.Body || h.Get("Accept") != "application/json" {
			t.Errorf("%s %v", diff, got)
		}
		if isJSON := got.ContentType == "application/json"; isJSON != (m.Body != "") {
			t.Errorf("%s has the content type %q", m.Method, got.ContentType)
		}
	}
}

func TestWeChatPayQuestionsHaveFreshNonces(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 20 {
		seen[parameters(t, header(signed(t, "wechatpay-request", message("wechatpay-request"), wechatPayAccount(rsaPEM))).Get("Authorization"))["nonce_str"]] = true
	}
	if len(seen) != 20 {
		t.Errorf("%d nonces of 20", len(seen))
	}
	m := message("wechatpay-request")
	m.URL = nil
	if _, err := parse(t, "wechatpay-request").Sign(keys(t, "wechatpay-request", wechatPayAccount(rsaPEM)), m); err == nil || errors.Is(err, sign.ErrBody) {
		t.Errorf("without a URL: %v", err)
	}
}

func TestWeChatPayAccounts(t *testing.T) {
	t.Parallel()
	account := func(change func(map[string]string)) string {
		m := map[string]string{}
		_ = json.Unmarshal([]byte(wechatPayAccount(rsaPEM)), &m)
		change(m)
		text, _ := json.Marshal(m)
		return string(text)
	}
	for name, c := range map[string]struct{ secret, says string }{
		"a key alone":    {rsaPEM, "no JSON object with the texts private_key, serial and mchid"},
		"no key":         {account(func(m map[string]string) { delete(m, "private_key") }), "the private_key is neither"},
		"no serial":      {account(func(m map[string]string) { delete(m, "serial") }), "the serial is not"},
		"a quote":        {account(func(m map[string]string) { m["serial"] = `a"` }), "the serial is not"},
		"no number":      {account(func(m map[string]string) { delete(m, "mchid") }), "the mchid is not 1 to 32 digits"},
		"another number": {account(func(m map[string]string) { m["mchid"] = `1",x="` }), "the mchid is not 1 to 32 digits"},
		"a short key":    {wechatPayAccount(rsaShort), "the private_key has 1024 bits"},
	} {
		if _, err := parse(t, "wechatpay-request").Key([]byte(c.secret)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := parse(t, "wechatpay-request").Generate(); err == nil || !strings.Contains(err.Error(), "import") {
		t.Errorf("%v", err)
	}
	plain, public, err := parse(t, "alipay-gateway").Generate()
	if err != nil || !strings.Contains(public, "PUBLIC KEY") {
		t.Errorf("%q, %v", public, err)
	}
	if _, err := parse(t, "alipay-gateway").Key(plain); err != nil {
		t.Error(err)
	}
}
