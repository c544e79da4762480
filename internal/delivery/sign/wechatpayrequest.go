package sign

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	weChatPayScheme = "WECHATPAY2-SHA256-RSA2048"
	signTest        = "WECHATPAY/SIGNTEST/" // begins signatures that WeChat Pay makes wrong on purpose

	maxMchIDBytes = 32
	answerAge     = 5 * time.Minute // that a signed answer may be away from our clock, either way
)

// wechatPayRequest is a request to WeChat Pay's API v3: method, URL and body are signed in
// the header Authorization. Its answers are signed as its callbacks are.
type wechatPayRequest struct{}

// wechatPayAccount is the secret's plaintext: what WeChat Pay gave the merchant.
type wechatPayAccount struct {
	PrivateKey string `json:"private_key"`
	Serial     string `json:"serial"`
	MchID      string `json:"mchid"`
}

func (wechatPayRequest) kind() string { return toWeChatPay }
func (wechatPayRequest) name() string { return toWeChatPay }

func (wechatPayRequest) fits(httpMethod, format string) error {
	if httpMethod == outbox.MethodGet && format == outbox.FormatQuery || httpMethod == outbox.MethodPost && format == outbox.FormatBody {
		return nil
	}
	return fmt.Errorf("%s needs the method %s and the format %s, or %s and %s, and the policy has %s and %s", toWeChatPay,
		outbox.MethodGet, outbox.FormatQuery, outbox.MethodPost, outbox.FormatBody, httpMethod, format)
}

func (wechatPayRequest) key(plain []byte) (*Key, error) {
	var account wechatPayAccount
	if json.Unmarshal(plain, &account) != nil {
		return nil, errors.New("the secret is no JSON object with the texts private_key, serial and mchid")
	}
	private, err := readRSA(account.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("the private_key %w", err)
	}
	if !isSerial(account.Serial) {
		return nil, fmt.Errorf("the serial is not 1 to %d letters, digits, - and _", maxSerialBytes)
	}
	if id := account.MchID; id == "" || len(id) > maxMchIDBytes || strings.Trim(id, "0123456789") != "" {
		return nil, fmt.Errorf("the mchid is not 1 to %d digits", maxMchIDBytes)
	}
	return &Key{rsa: private, serial: account.Serial, mchID: account.MchID}, nil
}

func (wechatPayRequest) generate() ([]byte, string, error) {
	return nil, "", errors.New(`WeChat Pay gives the number of the merchant and the serial of its key; import them with the key, as JSON: {"private_key": …, "serial": …, "mchid": …}`)
}

func (wechatPayRequest) sign(keys []*Key, m *Message) (Signed, error) {
	return keys[len(keys)-1].askWeChatPay(m, hex.EncodeToString(random(16)))
}

// askWeChatPay is all but the nonce.
func (k *Key) askWeChatPay(m *Message, nonce string) (Signed, error) {
	if m.URL == nil {
		return Signed{}, errors.New("there is no URL to sign")
	}
	at := strconv.FormatInt(m.At.Unix(), 10)
	signature, err := signRSA(k.rsa, m.Method, "\n", m.URL.RequestURI(), "\n", at, "\n", nonce, "\n", m.Body, "\n")
	if err != nil {
		return Signed{}, err
	}
	signed := Signed{Body: m.Body, Headers: []Header{
		{"Accept", "application/json"},
		{"Authorization", weChatPayScheme + ` mchid="` + k.mchID + `",nonce_str="` + nonce + `",signature="` + signature +
			`",timestamp="` + at + `",serial_no="` + k.serial + `"`},
	}}
	if m.Body != "" {
		signed.ContentType = "application/json"
	}
	return signed, nil
}

func (wechatPayRequest) verify(key *AnswerKey, a *Answer) (string, error) {
	signature, at := a.Header("Wechatpay-Signature"), a.Header("Wechatpay-Timestamp")
	nonce, serial := a.Header("Wechatpay-Nonce"), a.Header("Wechatpay-Serial")
	switch {
	case signature == "":
		return "", errors.New("is missing")
	case strings.HasPrefix(signature, signTest):
		return "", errors.New("is a test by WeChat Pay, and wrong on purpose")
	case nonce == "" || serial == "":
		return "", errors.New("comes without Wechatpay-Nonce or Wechatpay-Serial")
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return "", errors.New("comes without a Wechatpay-Timestamp in seconds")
	}
	if made := time.Unix(seconds, 0); made.Before(a.At.Add(-answerAge)) || made.After(a.At.Add(answerAge)) {
		return "", fmt.Errorf("is not of our time: Wechatpay-Timestamp is %d, and ours %d", seconds, a.At.Unix())
	}
	return a.Body, key.fits(signature, serial, at, "\n", nonce, "\n", a.Body, "\n")
}
