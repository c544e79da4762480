package channels

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	alipayQuery = "alipay.trade.query"
	alipayTime  = "2006-01-02 15:04:05"
)

// Alipay imitates Alipay's gateway, at any path. It may be used by many goroutines.
type Alipay struct {
	keys
	book
	appID string
}

// NewAlipay makes a gateway with one application, and the keys of both.
func NewAlipay(appID string) (*Alipay, error) {
	k, err := newKeys()
	return &Alipay{keys: k, appID: appID}, err
}

// Secret is the application's private key, PEM: it signs the questions.
func (a *Alipay) Secret() string { return a.secret }

// AppID is the application's.
func (a *Alipay) AppID() string { return a.appID }

// ServeHTTP answers a question: a form with biz_content.
func (a *Alipay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := bodyOf(w, r)
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge) // or who asks has gone
		return
	}
	form, err := url.ParseQuery(body)
	if err != nil {
		form = url.Values{}
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	if code, says := a.fault(form); code != "" {
		a.refuse()
		_ = json.NewEncoder(w).Encode(map[string]alipayAnswer{
			responseOf(form.Get("method")): {Code: "40002", Msg: "Invalid Arguments", SubCode: code, SubMsg: says},
		})
		return
	}
	_, _ = io.WriteString(w, a.answer(form.Get("biz_content")))
}

// responseOf names the member of an answer that is signed.
func responseOf(method string) string {
	if method != alipayQuery {
		return "error_response"
	}
	return strings.ReplaceAll(method, ".", "_") + "_response"
}

// fault is why a request is refused, as Alipay's code and in words.
func (a *Alipay) fault(form url.Values) (code, says string) {
	_, err := time.Parse(alipayTime, form.Get("timestamp"))
	switch {
	case form.Get("app_id") != a.appID:
		return "isv.invalid-app-id", "there is no such app_id"
	case form.Get("method") != alipayQuery:
		return "isv.invalid-method", "there is no such method"
	case form.Get("version") != "1.0":
		return "isv.invalid-version", "the version is not 1.0"
	case !strings.EqualFold(form.Get("charset"), "utf-8"):
		return "isv.invalid-charset", "the charset is not utf-8"
	case err != nil:
		return "isv.invalid-timestamp", "the timestamp is none"
	case form.Get("sign_type") != "RSA2":
		return "isv.invalid-signature-type", "the sign_type is not RSA2"
	case form.Get("sign") == "":
		return "isv.missing-signature", "there is no sign"
	case !a.signed(alipayText(form), form.Get("sign")):
		return "isv.invalid-signature", "the sign does not fit: " + alipayText(form)
	}
	return "", ""
}

// alipayText is what a question's signature covers: every field but itself, by name.
func alipayText(form url.Values) string {
	var fields []string
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if value := form.Get(name); name != "sign" && value != "" {
			fields = append(fields, name+"="+value)
		}
	}
	return strings.Join(fields, "&")
}

type alipayAnswer struct {
	Code        string `json:"code"`
	Msg         string `json:"msg"`
	SubCode     string `json:"sub_code,omitempty"`
	SubMsg      string `json:"sub_msg,omitempty"`
	OutTradeNo  string `json:"out_trade_no,omitempty"`
	TradeNo     string `json:"trade_no,omitempty"`
	TradeStatus string `json:"trade_status,omitempty"`
	TotalAmount string `json:"total_amount,omitempty"`
	SendPayDate string `json:"send_pay_date,omitempty"`
}

// answer is the signed answer about a trade.
func (a *Alipay) answer(content string) string {
	var about struct {
		OutTradeNo string `json:"out_trade_no"`
	}
	told := alipayAnswer{Code: "40004", Msg: "Business Failed", SubCode: "ACQ.INVALID_PARAMETER", SubMsg: "biz_content has no out_trade_no"}
	if json.Unmarshal([]byte(content), &about) == nil && about.OutTradeNo != "" {
		told = tradeAtAlipay(about.OutTradeNo, a.ask(about.OutTradeNo))
	}
	text, err := json.Marshal(told)
	if err != nil {
		panic(err) // texts can be written
	}
	// As Alipay's own: the text that is signed stands in the answer byte by byte.
	return `{"` + responseOf(alipayQuery) + `":` + string(text) + `,"sign":"` + a.sign(string(text)) + `"}`
}

func tradeAtAlipay(number, state string) alipayAnswer {
	if state == NotExist {
		return alipayAnswer{
			Code: "40004", Msg: "Business Failed", SubCode: "ACQ.TRADE_NOT_EXIST", SubMsg: "the trade does not exist", OutTradeNo: number,
		}
	}
	told := alipayAnswer{Code: "10000", Msg: "Success", OutTradeNo: number, TradeNo: "2026" + number, TradeStatus: state, TotalAmount: "0.01"}
	if state == "TRADE_SUCCESS" || state == "TRADE_FINISHED" {
		told.SendPayDate = time.Now().UTC().Add(8 * time.Hour).Format(alipayTime)
	}
	return told
}
