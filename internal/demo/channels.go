package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/orderbell/orderbell/internal/channels"
)

const (
	alipayApp   = "2026000100000001"
	wechatMchID = "1900000001"
	wechatPath  = "/v3/pay/transactions/out-trade-no/"
)

// bothChannels are Alipay's gateway and WeChat Pay's API v3, each with keys of its own.
func bothChannels() ([]channel, error) {
	alipay, err := channels.NewAlipay(alipayApp)
	if err != nil {
		return nil, fmt.Errorf("imitate Alipay: %w", err)
	}
	wechat, err := channels.NewWeChatPay(wechatMchID)
	if err != nil {
		return nil, fmt.Errorf("imitate WeChat Pay: %w", err)
	}
	return []channel{asAlipay(alipay), asWeChatPay(wechat)}, nil
}

func asAlipay(a *channels.Alipay) channel {
	return channel{
		name: "alipay", endpoint: "demo-alipay", path: "/gateway.do", method: "POST", format: "form",
		rule:      `status == 200 && json("alipay_trade_query_response.trade_status") in ["TRADE_SUCCESS", "TRADE_FINISHED", "TRADE_CLOSED"]`,
		signature: "alipay-gateway", secret: a.Secret(), answerKey: a.AnswerKey(),
		names:     map[state]string{tradeWaiting: "WAIT_BUYER_PAY", tradePaid: "TRADE_SUCCESS", tradeClosed: "TRADE_CLOSED"},
		imitation: a, orderNo: alipayOrder, says: alipayState, tradePrefix: "2026",
		about: func(_, orderNo string) (*string, string) {
			return nil, fmt.Sprintf(`{"app_id":%q,"method":"alipay.trade.query","biz_content":{"out_trade_no":%q}}`, alipayApp, orderNo)
		},
	}
}

func asWeChatPay(p *channels.WeChatPay) channel {
	return channel{
		name: "wechatpay", endpoint: "demo-wechatpay", path: wechatPath, method: "GET", format: "query",
		rule:      `status == 200 && json("trade_state") in ["SUCCESS", "REFUND", "CLOSED", "REVOKED", "PAYERROR"]`,
		signature: "wechatpay-request", secret: p.Secret(), answerKey: p.AnswerKey(),
		names:     map[state]string{tradeWaiting: "USERPAYING", tradePaid: "SUCCESS", tradeClosed: "CLOSED"},
		imitation: p, orderNo: wechatOrder, says: wechatState, tradePrefix: "4200",
		about: func(server, orderNo string) (*string, string) {
			own := server + wechatPath + orderNo
			return &own, fmt.Sprintf(`{"mchid":%q}`, wechatMchID)
		},
	}
}

func alipayOrder(_ *http.Request, body string) string {
	form, err := url.ParseQuery(body)
	var about struct {
		OutTradeNo string `json:"out_trade_no"`
	}
	if err != nil || json.Unmarshal([]byte(form.Get("biz_content")), &about) != nil {
		return ""
	}
	return about.OutTradeNo
}

func wechatOrder(r *http.Request, _ string) string { return strings.TrimPrefix(r.URL.Path, wechatPath) }

func alipayState(body []byte) string {
	var told struct {
		Response struct {
			TradeStatus string `json:"trade_status"`
		} `json:"alipay_trade_query_response"`
	}
	_ = json.Unmarshal(body, &told) // what cannot be read says nothing
	return told.Response.TradeStatus
}

func wechatState(body []byte) string {
	var told struct {
		TradeState string `json:"trade_state"`
	}
	_ = json.Unmarshal(body, &told) // what cannot be read says nothing
	return told.TradeState
}
