package channels

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	weChatPayScheme = "WECHATPAY2-SHA256-RSA2048 "
	weChatPayTrade  = "/v3/pay/transactions/out-trade-no/"
	weChatPayAge    = 5 * time.Minute
)

// WeChatPaySerial names the channel's key in its answers, as those of WeChat Pay's public
// keys do.
const WeChatPaySerial = "PUB_KEY_ID_0100000000000000000000000000000001"

// WeChatPay imitates WeChat Pay's API v3. It may be used by many goroutines.
type WeChatPay struct {
	keys
	book
	mchID, serial string
	tests         atomic.Int64
}

// NewWeChatPay makes a WeChat Pay with one merchant, and the keys of both.
func NewWeChatPay(mchID string) (*WeChatPay, error) {
	k, err := newKeys()
	return &WeChatPay{keys: k, mchID: mchID, serial: "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"}, err
}

// Secret is what WeChat Pay gives to the merchant, as JSON: private_key, serial, mchid.
func (p *WeChatPay) Secret() string {
	text, err := json.Marshal(map[string]string{"private_key": p.secret, "serial": p.serial, "mchid": p.mchID})
	if err != nil {
		panic(err) // texts can be written
	}
	return string(text)
}

// MchID is the merchant's.
func (p *WeChatPay) MchID() string { return p.mchID }

// Path is where a trade is asked about, with the query.
func (p *WeChatPay) Path(outTradeNo string) string {
	return weChatPayTrade + outTradeNo + "?mchid=" + p.mchID
}

// SignTests makes the signatures of the next n answers wrong, with the beginning by which
// WeChat Pay marks such tests.
func (p *WeChatPay) SignTests(n int) { p.tests.Store(int64(n)) }

// ServeHTTP answers a question: GET /v3/pay/transactions/out-trade-no/{number}?mchid=…
func (p *WeChatPay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := bodyOf(w, r)
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge) // or who asks has gone
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if status, code, says := p.fault(r, body); status != 0 {
		p.refuse()
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(weChatPayError{code, says})
		return
	}
	status, told := http.StatusNotFound, any(weChatPayError{"ORDER_NOT_EXIST", "the order does not exist"})
	number := strings.TrimPrefix(r.URL.Path, weChatPayTrade)
	if state := p.ask(number); state != NotExist {
		status, told = http.StatusOK, p.trade(number, state)
	}
	text, err := json.Marshal(told)
	if err != nil {
		panic(err) // texts can be written
	}
	p.signAnswer(w.Header(), string(text))
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

type weChatPayError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// fault is why a request is refused: the status, WeChat Pay's code, and words.
func (p *WeChatPay) fault(r *http.Request, body string) (status int, code, says string) {
	number, ok := strings.CutPrefix(r.URL.Path, weChatPayTrade)
	switch {
	case r.UserAgent() == "" || !acceptsJSON(r.Header.Get("Accept")):
		return http.StatusBadRequest, "PARAM_ERROR", "User-Agent and Accept: application/json are wanted"
	case !ok || number == "" || strings.Contains(number, "/") || r.Method != http.MethodGet:
		return http.StatusNotFound, "RESOURCE_NOT_EXISTS", "there is nothing here"
	}
	if says := p.unsigned(r, body); says != "" {
		return http.StatusUnauthorized, "SIGN_ERROR", says
	}
	if r.URL.Query().Get("mchid") != p.mchID {
		return http.StatusBadRequest, "PARAM_ERROR", "mchid is missing, or another's"
	}
	return 0, "", ""
}

func acceptsJSON(accept string) bool {
	return strings.Contains(accept, "application/json") || strings.Contains(accept, "*/*")
}

// parameter is one of the header Authorization.
var parameter = regexp.MustCompile(`(\w+)="([^"]*)"`)

// unsigned is why a request's signature is not good.
func (p *WeChatPay) unsigned(r *http.Request, body string) string {
	list, ok := strings.CutPrefix(r.Header.Get("Authorization"), weChatPayScheme)
	if !ok {
		return "Authorization does not begin with " + weChatPayScheme
	}
	of := map[string]string{}
	for _, found := range parameter.FindAllStringSubmatch(list, -1) {
		of[found[1]] = found[2]
	}
	seconds, err := strconv.ParseInt(of["timestamp"], 10, 64)
	switch {
	case of["mchid"] != p.mchID || of["serial_no"] != p.serial:
		return "there is no such mchid with this serial_no"
	case err != nil || time.Since(time.Unix(seconds, 0)).Abs() > weChatPayAge:
		return "the timestamp is not of now"
	case of["nonce_str"] == "":
		return "nonce_str is missing"
	case !p.signed(r.Method+"\n"+r.RequestURI+"\n"+of["timestamp"]+"\n"+of["nonce_str"]+"\n"+body+"\n", of["signature"]):
		return "the signature does not fit"
	}
	return ""
}

// signAnswer sets the headers that prove an answer.
func (p *WeChatPay) signAnswer(h http.Header, text string) {
	at, nonce := strconv.FormatInt(time.Now().Unix(), 10), rand.Text()
	signature := p.sign(at + "\n" + nonce + "\n" + text + "\n")
	if p.tests.Add(-1) >= 0 {
		signature = "WECHATPAY/SIGNTEST/" + signature[len("WECHATPAY/SIGNTEST/"):]
	}
	h.Set("Request-Id", rand.Text())
	h.Set("Wechatpay-Timestamp", at)
	h.Set("Wechatpay-Nonce", nonce)
	h.Set("Wechatpay-Serial", WeChatPaySerial)
	h.Set("Wechatpay-Signature", signature)
	h.Set("Wechatpay-Signature-Type", strings.TrimSpace(weChatPayScheme))
}

type weChatPayAnswer struct {
	AppID          string         `json:"appid"`
	MchID          string         `json:"mchid"`
	OutTradeNo     string         `json:"out_trade_no"`
	TradeState     string         `json:"trade_state"`
	TradeStateDesc string         `json:"trade_state_desc"`
	TransactionID  string         `json:"transaction_id,omitempty"`
	TradeType      string         `json:"trade_type,omitempty"`
	SuccessTime    string         `json:"success_time,omitempty"`
	Amount         map[string]any `json:"amount,omitempty"`
}

func (p *WeChatPay) trade(number, state string) weChatPayAnswer {
	told := weChatPayAnswer{
		AppID: "wx0000000000000001", MchID: p.mchID, OutTradeNo: number, TradeState: state, TradeStateDesc: "the order is " + state,
	}
	if state == "SUCCESS" || state == "REFUND" {
		told.TransactionID, told.TradeType = "4200"+number, "NATIVE"
		told.SuccessTime = time.Now().In(time.FixedZone("", 8*60*60)).Format(time.RFC3339)
		told.Amount = map[string]any{"total": 1, "payer_total": 1, "currency": "CNY", "payer_currency": "CNY"}
	}
	return told
}
