package channels_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	alipaysdk "github.com/smartwalle/alipay/v3"
	"github.com/wechatpay-apiv3/wechatpay-go/core"
	"github.com/wechatpay-apiv3/wechatpay-go/core/option"
	"github.com/wechatpay-apiv3/wechatpay-go/services/payments/native"
	"github.com/wechatpay-apiv3/wechatpay-go/utils"
	"go.uber.org/goleak"

	"github.com/orderbell/orderbell/internal/channels"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const number = "T2026112000017"

// of is the base64 within a PEM text, as SDKs want it.
func of(text string) string {
	block, _ := pem.Decode([]byte(text))
	return base64.StdEncoding.EncodeToString(block.Bytes)
}

func serve(t *testing.T, h http.Handler) (*httptest.Server, *http.Client) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server, server.Client()
}

func newAlipay(t *testing.T) *channels.Alipay {
	t.Helper()
	a, err := channels.NewAlipay("2026000100000001")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newWeChatPay(t *testing.T) *channels.WeChatPay {
	t.Helper()
	p, err := channels.NewWeChatPay("1900000001")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// An SDK for Alipay asks, and verifies the answers.
func TestAlipayForAnSDK(t *testing.T) {
	t.Parallel()
	a := newAlipay(t)
	server, client := serve(t, a)
	sdk, err := alipaysdk.New(a.AppID(), of(a.Secret()), false, alipaysdk.WithHTTPClient(client), alipaysdk.WithSandboxGateway(server.URL+"/gateway.do"))
	if err != nil {
		t.Fatal(err)
	}
	if err := sdk.LoadAliPayPublicKey(of(a.AnswerKey())); err != nil {
		t.Fatal(err)
	}
	a.Script(number, channels.NotExist, "WAIT_BUYER_PAY", "WAIT_BUYER_PAY", "TRADE_SUCCESS")
	var states []string
	for range 6 {
		told, err := sdk.TradeQuery(t.Context(), alipaysdk.TradeQuery{OutTradeNo: number})
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, string(told.TradeStatus)+told.SubCode)
	}
	want := []string{"ACQ.TRADE_NOT_EXIST", "WAIT_BUYER_PAY", "WAIT_BUYER_PAY", "TRADE_SUCCESS", "TRADE_SUCCESS", "TRADE_SUCCESS"}
	if diff := cmp.Diff(want, states); diff != "" || a.Questions(number) != 6 || a.Questions("other") != 0 || a.Refused() != 0 {
		t.Errorf("%s, %d questions, %d refused", diff, a.Questions(number), a.Refused())
	}
}

// sendTo sends the SDK's requests here, with the URL that it signs.
type sendTo struct {
	host string
	by   http.RoundTripper
}

func (s sendTo) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", s.host
	return s.by.RoundTrip(r)
}

// WeChat Pay's own SDK asks, and verifies the answers.
func TestWeChatPayForItsSDK(t *testing.T) {
	t.Parallel()
	p := newWeChatPay(t)
	server, client := serve(t, p)
	sdk := weChatPaySDK(t, p, server, client)
	p.Script("", "USERPAYING", "SUCCESS")
	ask := func(number string) (string, error) {
		service := native.NativeApiService{Client: sdk}
		told, _, err := service.QueryOrderByOutTradeNo(t.Context(), native.QueryOrderByOutTradeNoRequest{OutTradeNo: core.String(number), Mchid: core.String(p.MchID())})
		if err != nil {
			return "", err
		}
		return *told.TradeState, nil
	}
	for _, of := range []string{number, "other"} { // each goes through the script by itself
		for _, want := range []string{"USERPAYING", "SUCCESS", "SUCCESS"} {
			if got, err := ask(of); got != want || err != nil {
				t.Errorf("%s: %s, %v; want %s", of, got, err, want)
			}
		}
	}
	p.SignTests(1)
	if _, err := ask(number); err == nil || !strings.Contains(err.Error(), "signature") {
		t.Errorf("a test: %v", err)
	}
	if got, err := ask(number); got != "SUCCESS" || err != nil {
		t.Errorf("after it: %s, %v", got, err)
	}
	p.Script(number, channels.NotExist)
	if _, err := ask(number); !core.IsAPIError(err, "ORDER_NOT_EXIST") {
		t.Errorf("%v", err)
	}
	if p.Questions(number) != 6 || p.Questions("other") != 3 || p.Refused() != 0 {
		t.Errorf("%d and %d questions, %d refused", p.Questions(number), p.Questions("other"), p.Refused())
	}
}

func weChatPaySDK(t *testing.T, p *channels.WeChatPay, server *httptest.Server, client *http.Client) *core.Client {
	t.Helper()
	var account struct {
		PrivateKey    string `json:"private_key"`
		Serial, MchID string
	}
	if err := json.Unmarshal([]byte(p.Secret()), &account); err != nil {
		t.Fatal(err)
	}
	private, err := utils.LoadPrivateKey(account.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	public, err := utils.LoadPublicKey(p.AnswerKey())
	if err != nil {
		t.Fatal(err)
	}
	client.Transport = sendTo{strings.TrimPrefix(server.URL, "http://"), client.Transport}
	sdk, err := core.NewClient(t.Context(), option.WithMerchantCredential(account.MchID, account.Serial, private),
		option.WithWechatPayPublicKeyAuthCipher(account.MchID, account.Serial, private, channels.WeChatPaySerial, public), option.WithHTTPClient(client))
	if err != nil {
		t.Fatal(err)
	}
	return sdk
}

// alipayForm is a question that an SDK has signed, and that may be changed.
func alipayForm(t *testing.T, a *channels.Alipay) url.Values {
	t.Helper()
	sdk, err := alipaysdk.New(a.AppID(), of(a.Secret()), false)
	if err != nil {
		t.Fatal(err)
	}
	form, err := sdk.URLValues(alipaysdk.TradeQuery{OutTradeNo: number})
	if err != nil {
		t.Fatal(err)
	}
	return form
}

func TestAlipayRefuses(t *testing.T) {
	t.Parallel()
	a := newAlipay(t)
	server, client := serve(t, a)
	refused := 0
	for name, c := range map[string]struct {
		change func(url.Values)
		says   string
	}{
		"good":               {func(url.Values) {}, "ACQ.TRADE_NOT_EXIST"},
		"another trade":      {func(f url.Values) { f.Set("biz_content", `{"out_trade_no":"2"}`) }, "isv.invalid-signature"},
		"another field":      {func(f url.Values) { f.Set("new", "1") }, "isv.invalid-signature"},
		"no signature":       {func(f url.Values) { f.Del("sign") }, "isv.missing-signature"},
		"half a signature":   {func(f url.Values) { f.Set("sign", f.Get("sign")[:100]) }, "isv.invalid-signature"},
		"another app":        {func(f url.Values) { f.Set("app_id", "1") }, "isv.invalid-app-id"},
		"another method":     {func(f url.Values) { f.Set("method", "alipay.trade.pay") }, "isv.invalid-method"},
		"another version":    {func(f url.Values) { f.Del("version") }, "isv.invalid-version"},
		"another charset":    {func(f url.Values) { f.Set("charset", "GBK") }, "isv.invalid-charset"},
		"no time":            {func(f url.Values) { f.Set("timestamp", "2026-11-21T00:00:00Z") }, "isv.invalid-timestamp"},
		"another sign_type":  {func(f url.Values) { f.Set("sign_type", "RSA") }, "isv.invalid-signature-type"},
		"a signature of RSA": {func(f url.Values) { f.Del("sign_type") }, "isv.invalid-signature-type"},
	} {
		form := alipayForm(t, a)
		c.change(form)
		answer, err := client.PostForm(server.URL, form)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(text), `"`+c.says+`"`) {
			t.Errorf("%s: %d, %s, %v", name, answer.StatusCode, text, err)
		}
		isRefused := strings.HasPrefix(c.says, "isv.")
		if isRefused {
			refused++
		}
		if signed := strings.Contains(string(text), `"sign":"`); signed == isRefused {
			t.Errorf("%s: signed is %v: %s", name, signed, text)
		}
	}
	if a.Refused() != refused || a.Questions(number) != 1 {
		t.Errorf("%d refused of %d, %d questions", a.Refused(), refused, a.Questions(number))
	}
}

func TestWeChatPayRefuses(t *testing.T) {
	t.Parallel()
	p := newWeChatPay(t)
	// The SDK's own request is recorded, and sent again with changes.
	var recorded *http.Request
	recorder := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorded = r.Clone(r.Context())
		w.WriteHeader(http.StatusNotFound)
	})
	server, client := serve(t, recorder)
	service := native.NativeApiService{Client: weChatPaySDK(t, p, server, client)}
	_, _, _ = service.QueryOrderByOutTradeNo(t.Context(), native.QueryOrderByOutTradeNoRequest{OutTradeNo: core.String(number), Mchid: core.String(p.MchID())})
	if recorded == nil || recorded.RequestURI != p.Path(number) {
		t.Fatalf("%v", recorded)
	}
	good := recorded.Header.Get("Authorization")
	for name, c := range map[string]struct {
		change func(r *http.Request)
		status int
		code   string
	}{
		"good": {func(*http.Request) {}, 404, "ORDER_NOT_EXIST"},
		"another trade": {func(r *http.Request) {
			r.URL.Path, r.RequestURI = "/v3/pay/transactions/out-trade-no/2", "/v3/pay/transactions/out-trade-no/2?mchid=1900000001"
		}, 401, "SIGN_ERROR"},
		"another query": {func(r *http.Request) { r.RequestURI += "&x=1" }, 401, "SIGN_ERROR"},
		"a body":        {func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("{}")) }, 401, "SIGN_ERROR"},
		"no signature":  {func(r *http.Request) { r.Header.Del("Authorization") }, 401, "SIGN_ERROR"},
		"another merchant": {func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(good, "1900000001", "1900000002", 1))
		}, 401, "SIGN_ERROR"},
		"another serial": {func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(good, `serial_no="5`, `serial_no="6`, 1))
		}, 401, "SIGN_ERROR"},
		"another time": {func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(good, `timestamp="`, `timestamp="1`, 1))
		}, 401, "SIGN_ERROR"},
		"another nonce": {func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(good, `nonce_str="`, `nonce_str="1`, 1))
		}, 401, "SIGN_ERROR"},
		"no Accept":      {func(r *http.Request) { r.Header.Del("Accept") }, 400, "PARAM_ERROR"},
		"no User-Agent":  {func(r *http.Request) { r.Header.Del("User-Agent") }, 400, "PARAM_ERROR"},
		"another method": {func(r *http.Request) { r.Method = http.MethodPost }, 404, "RESOURCE_NOT_EXISTS"},
		"another path":   {func(r *http.Request) { r.URL.Path = "/v3/certificates" }, 404, "RESOURCE_NOT_EXISTS"},
	} {
		r := recorded.Clone(t.Context())
		r.Body = http.NoBody
		c.change(r)
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		var told struct{ Code string }
		_ = json.Unmarshal(w.Body.Bytes(), &told)
		if w.Code != c.status || told.Code != c.code || (w.Header().Get("Wechatpay-Signature") != "") != (name == "good") {
			t.Errorf("%s: %d, %s, %v", name, w.Code, w.Body, w.Header())
		}
	}
	if p.Questions(number) != 1 || p.Refused() != 12 {
		t.Errorf("%d questions, %d refused", p.Questions(number), p.Refused())
	}
}

// What is too large is no question.
func TestQuestionsAreBounded(t *testing.T) {
	t.Parallel()
	for _, h := range []http.Handler{newAlipay(t), newWeChatPay(t)} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", 65<<10))))
		if w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%T: %d", h, w.Code)
		}
	}
}

func TestManyAskAtOnce(t *testing.T) {
	t.Parallel()
	a := newAlipay(t)
	a.Script("", "WAIT_BUYER_PAY", "TRADE_CLOSED")
	form := alipayForm(t, a).Encode()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form))
			a.ServeHTTP(httptest.NewRecorder(), r)
			a.Script("other", "TRADE_CLOSED")
		})
	}
	all.Wait()
	if a.Questions(number) != 20 {
		t.Errorf("%d questions", a.Questions(number))
	}
}
