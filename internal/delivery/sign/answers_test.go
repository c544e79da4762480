package sign_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/signers"

	"github.com/orderbell/orderbell/internal/delivery/sign"
)

func answerKey(tb testing.TB, text string) *sign.AnswerKey {
	tb.Helper()
	key, err := sign.ReadAnswerKey(text)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

const node = `{"code":"10000","out_trade_no":"\u8336","trade_status":"TRADE_SUCCESS", "amount" : 1.00}`

// fromAlipay is an answer with the node, signed.
func fromAlipay(t testing.TB) string {
	t.Helper()
	return `{"alipay_trade_query_response": ` + node + ` ,"sign":"` + rsaOver(t, node) + `"}`
}

func rsaOver(t testing.TB, text string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(rsaPEM))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, key.(*rsa.PrivateKey), crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(signature)
}

func noHeader(string) string { return "" }

func verifyAlipay(t testing.TB, key *sign.AnswerKey, body string) (string, error) {
	t.Helper()
	return parse(t, "alipay-gateway").Verify(key, &sign.Answer{Header: noHeader, Body: body})
}

func TestAlipayAnswers(t *testing.T) {
	t.Parallel()
	key, s := answerKey(t, rsaPublicPEM), rsaOver(t, node)
	for name, c := range map[string]struct{ body, says string }{
		"good":                   {fromAlipay(t), ""},
		"the signature first":    {`{"sign":"` + s + `","alipay_trade_query_response":` + node + `}`, ""},
		"escapes in it":          {`{"\u0073ign":"` + strings.ReplaceAll(s, "/", `\/`) + `","alipay_trade_query_response":` + node + `}`, ""},
		"another node":           {`{"alipay_x_response":` + node + `,"sign":"` + s + `"}`, ""},
		"members that may come":  {`{"alipay_cert_sn":"x","new":{},"alipay_trade_query_response":` + node + `,"sign":"` + s + `"}`, ""},
		"no signature":           {`{"alipay_trade_query_response":` + node + `}`, "is missing"},
		"null":                   {`{"alipay_trade_query_response":` + node + `,"sign":null}`, "is missing"},
		"a number":               {`{"alipay_trade_query_response":` + node + `,"sign":1}`, "is no text"},
		"no base64":              {`{"alipay_trade_query_response":` + node + `,"sign":"*"}`, "is no base64"},
		"another's":              {`{"alipay_trade_query_response":` + node + `,"sign":"` + rsaOver(t, "x") + `"}`, "is wrong"},
		"written otherwise":      {`{"alipay_trade_query_response":` + strings.ReplaceAll(node, " ", "") + `,"sign":"` + s + `"}`, "is wrong"},
		"a node twice, after":    {`{"alipay_trade_query_response":` + node + `,"alipay_trade_query_response":{},"sign":"` + s + `"}`, `cannot be told: the answer has the member "alipay_trade_query_response" twice`},
		"a node twice, before":   {`{"alipay_trade_query_response":{},"alipay_trade_query_response":` + node + `,"sign":"` + s + `"}`, "twice"},
		"a node twice, escaped":  {`{"alipay_trade_query_respons\u0065":{},"alipay_trade_query_response":` + node + `,"sign":"` + s + `"}`, "twice"},
		"two nodes":              {`{"a_response":{},"alipay_trade_query_response":` + node + `,"sign":"` + s + `"}`, "two members"},
		"no node":                {`{"alipay_trade_query":` + node + `,"sign":"` + s + `"}`, "belongs to nothing"},
		"a page":                 {`<html>`, "is missing: the answer is no JSON object"},
		"a list":                 {`[1]`, "is missing"},
		"nothing":                {``, "is missing"},
		"half":                   {fromAlipay(t)[:200], "is missing"},
		"something behind":       {fromAlipay(t) + "x", "is missing"},
		"another object behind":  {fromAlipay(t) + "{}", "is missing"},
		"deep":                   {strings.Repeat(`{"a":`, 20_000), "is missing"},
		"a name of many letters": {`{"` + strings.Repeat("x", 5000) + `":1,"` + strings.Repeat("x", 5000) + `":1}`, "twice"},
	} {
		proven, err := verifyAlipay(t, key, c.body)
		switch {
		case c.says != "":
			if err == nil || !strings.Contains(err.Error(), c.says) || proven != "" || len(err.Error()) > 200 {
				t.Errorf("%s: %q, %v; want %s", name, proven, err, c.says)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		default:
			var members map[string]json.RawMessage
			if err := json.Unmarshal([]byte(proven), &members); err != nil || len(members) != 1 || !strings.Contains(proven, node) {
				t.Errorf("%s: %q proven, %v", name, proven, err)
			}
		}
	}
}

// weChatPayAnswer is signed by WeChat Pay's own SDK.
func weChatPayAnswer(t *testing.T, body string, at time.Time) (http.Header, string) {
	t.Helper()
	seconds, nonce := strconv.FormatInt(at.Unix(), 10), "c5ac7061fccab6bf3e254dcf98995b8c"
	signer := &signers.SHA256WithRSASigner{MchID: "m", CertificateSerialNo: serial, PrivateKey: readRSA(t, rsaPEM)}
	s, err := signer.Sign(t.Context(), seconds+"\n"+nonce+"\n"+body+"\n")
	if err != nil {
		t.Fatal(err)
	}
	return http.Header{
		"Wechatpay-Timestamp": {seconds}, "Wechatpay-Nonce": {nonce}, "Wechatpay-Serial": {serial}, "Wechatpay-Signature": {s.Signature},
	}, body
}

func verifyWeChatPay(t *testing.T, key *sign.AnswerKey, h http.Header, body string, at time.Time) error {
	t.Helper()
	proven, err := parse(t, "wechatpay-request").Verify(key, &sign.Answer{Header: h.Get, Body: body, At: at})
	if err == nil && proven != body {
		t.Errorf("%q proven", proven)
	}
	return err
}

func TestWeChatPayAnswers(t *testing.T) {
	t.Parallel()
	key, at := answerKey(t, rsaPublicPEM), time.Unix(1_795_194_123, 0)
	for name, c := range map[string]struct {
		change func(h http.Header)
		late   time.Duration
		says   string
	}{
		"good":            {says: ""},
		"5 minutes late":  {late: 5 * time.Minute},
		"5 minutes early": {late: -5 * time.Minute},
		"too late":        {late: 5*time.Minute + time.Second, says: "is not of our time"},
		"too early":       {late: -5*time.Minute - time.Second, says: "is not of our time"},
		"unsigned":        {change: func(h http.Header) { h.Del("Wechatpay-Signature") }, says: "is missing"},
		"no nonce":        {change: func(h http.Header) { h.Del("Wechatpay-Nonce") }, says: "Wechatpay-Nonce"},
		"no serial":       {change: func(h http.Header) { h.Del("Wechatpay-Serial") }, says: "Wechatpay-Serial"},
		"no time":         {change: func(h http.Header) { h.Del("Wechatpay-Timestamp") }, says: "Wechatpay-Timestamp"},
		"a word":          {change: func(h http.Header) { h.Set("Wechatpay-Timestamp", "now") }, says: "Wechatpay-Timestamp"},
		"the end of time": {change: func(h http.Header) { h.Set("Wechatpay-Timestamp", "9223372036854775807") }, says: "is not of our time"},
		"the beginning":   {change: func(h http.Header) { h.Set("Wechatpay-Timestamp", "-9223372036854775808") }, says: "is not of our time"},
		"another second":  {change: func(h http.Header) { h.Set("Wechatpay-Timestamp", "1795194124") }, says: "is wrong"},
		"another zero":    {change: func(h http.Header) { h.Set("Wechatpay-Timestamp", "01795194123") }, says: "is wrong"},
		"another nonce":   {change: func(h http.Header) { h.Set("Wechatpay-Nonce", "x") }, says: "is wrong"},
		"a test": {change: func(h http.Header) {
			h.Set("Wechatpay-Signature", "WECHATPAY/SIGNTEST/"+h.Get("Wechatpay-Signature")[19:])
		}, says: "is a test by WeChat Pay"},
	} {
		h, body := weChatPayAnswer(t, `{"trade_state":"SUCCESS"}`, at)
		if c.change != nil {
			c.change(h)
		}
		err := verifyWeChatPay(t, key, h, body, at.Add(c.late))
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v; want %q", name, err, c.says)
		}
	}
	h, _ := weChatPayAnswer(t, "", at)
	if err := verifyWeChatPay(t, key, h, "", at); err != nil {
		t.Errorf("an empty body: %v", err)
	}
}

// No byte of what is signed can be another.
func TestAnswersWithOneByteChanged(t *testing.T) {
	t.Parallel()
	key, at := answerKey(t, rsaPublicPEM), time.Unix(1_795_194_123, 0)
	whole := fromAlipay(t)
	from := strings.Index(whole, node)
	for i := range whole {
		for _, to := range []byte{whole[i] ^ 1, whole[i] ^ 0x20, 'x'} {
			proven, err := verifyAlipay(t, key, whole[:i]+string([]byte{to})+whole[i+1:])
			if err == nil && (!strings.Contains(proven, node) || to != whole[i] && i >= from && i < from+len(node)) {
				t.Errorf("byte %d as %q proves %s", i, to, proven)
			}
		}
	}
	h, body := weChatPayAnswer(t, node, at)
	for i := range body {
		if verifyWeChatPay(t, key, h, body[:i]+string([]byte{body[i] ^ 1})+body[i+1:], at) == nil {
			t.Errorf("byte %d may be another", i)
		}
	}
	signature := h.Get("Wechatpay-Signature")
	for i := range len(signature) - 3 { // the last letter has bits without a meaning
		h.Set("Wechatpay-Signature", signature[:i]+string([]byte{signature[i] ^ 1})+signature[i+1:])
		if verifyWeChatPay(t, key, h, body, at) == nil {
			t.Errorf("letter %d of the signature may be another", i)
		}
	}
}

// certificate is one of the key in rsaPEM, or of another.
func certificate(t *testing.T, serial int64, private string) string {
	t.Helper()
	key := readRSA(t, private)
	like := &x509.Certificate{SerialNumber: big.NewInt(serial)}
	der, err := x509.CreateCertificate(rand.Reader, like, like, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// WeChat Pay changes its certificate with both in use for a day; the serial tells which.
func TestAnswerKeysAreChosenBySerial(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_795_194_123, 0)
	h, body := weChatPayAnswer(t, "{}", at)
	h.Set("Wechatpay-Serial", "0ABC")
	good, other := certificate(t, 0xabc, rsaPEM), certificate(t, 0xdef, otherRSA)
	for name, c := range map[string]struct{ key, says string }{
		"its own":                   {good, ""},
		"of two, the first":         {good + other, ""},
		"of two, the second":        {"before\n" + other + "\nbetween\n" + good, ""},
		"a key without a serial":    {rsaPublicPEM, ""},
		"its key, another serial":   {certificate(t, 0xabd, rsaPEM), `is by another key: its serial is "0ABC"`},
		"its serial, another's key": {certificate(t, 0xabc, otherRSA), "is wrong"},
		"another certificate":       {other, `is by another key: its serial is "0ABC"`},
	} {
		err := verifyWeChatPay(t, answerKey(t, c.key), h, body, at)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := verifyAlipay(t, answerKey(t, other+good), fromAlipay(t)); err != nil {
		t.Errorf("Alipay, with two certificates: %v", err)
	}
}

func TestAnswerKeysThatAreNone(t *testing.T) {
	t.Parallel()
	block, _ := pem.Decode([]byte(rsaPublicPEM))
	if _, err := sign.ReadAnswerKey(base64.StdEncoding.EncodeToString(block.Bytes)); err != nil {
		t.Errorf("bare base64: %v", err)
	}
	public := func(private any) string {
		der, err := x509.MarshalPKIXPublicKey(private)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	}
	curve, err := x509.ParsePKCS8PrivateKey(func() []byte { b, _ := pem.Decode([]byte(ecPEM)); return b.Bytes }())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, says string }{
		"nothing":          {" \n", "is missing"},
		"words":            {"the key!", "is neither PEM nor base64"},
		"other base64":     {"c29tZXRoaW5n", "is a damaged public key"},
		"a private key":    {rsaPEM, "is a private key"},
		"PKCS #1":          {rsaPKCS1, "is a private key"},
		"a curve":          {public(curve.(interface{ Public() crypto.PublicKey }).Public()), "is no RSA key"},
		"1024 bits":        {public(&readRSA(t, rsaShort).PublicKey), "has 1024 bits"},
		"8208 bits":        {public(&readRSA(t, rsaLong).PublicKey), "has 8208 bits"},
		"half of one":      {rsaPublicPEM[:100], "cannot be read to its end"},
		"words behind":     {rsaPublicPEM + "x", "cannot be read to its end"},
		"a damaged one":    {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})), "is a damaged certificate"},
		"another kind":     {string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: []byte("x")})), "something else"},
		"good, then not":   {rsaPublicPEM + rsaPEM, "is a private key"},
		"too many":         {strings.Repeat(rsaPublicPEM, 9), "more than 8 keys"},
		"too long":         {strings.Repeat(" ", 16<<10) + "x", "has 16385 bytes"},
		"a PKCS #1 public": {string(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: []byte("x")})), "something else"},
	} {
		key, err := sign.ReadAnswerKey(c.text)
		if err == nil || key != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The other schemes verify nothing, and nothing is proven without a key.
func TestWhoVerifies(t *testing.T) {
	t.Parallel()
	for signature, want := range map[string]bool{
		"none": false, "standard-webhooks": false, "alipay-rsa2": false, "wechatpay-v3": false, "hmac-sha256": false,
		"alipay-gateway": true, "wechatpay-request": true,
	} {
		s := parse(t, signature)
		if s.Verifies() != want {
			t.Errorf("%s: %v", signature, s.Verifies())
		}
		keys := []*sign.AnswerKey{nil}
		if !want {
			keys = append(keys, answerKey(t, rsaPublicPEM))
		}
		for _, key := range keys {
			if _, err := s.Verify(key, &sign.Answer{Header: noHeader, Body: fromAlipay(t)}); err == nil {
				t.Errorf("%s proves with the key %v", signature, key)
			}
		}
	}
	if (sign.Scheme{}).Verifies() {
		t.Error("no scheme verifies")
	}
	if _, err := verifyAlipay(t, &sign.AnswerKey{}, fromAlipay(t)); err == nil {
		t.Error("proven with no key")
	}
}

// Whatever a gateway says, only what is signed is proven.
func FuzzAlipayAnswers(f *testing.F) {
	good := fromAlipay(f)
	for _, seed := range []string{good, "", "{}", `{"sign":1}`, `{"a_response":{},"sign":"AA=="}`, good[:len(good)-1], "\xff" + good} {
		f.Add(seed)
	}
	key := answerKey(f, rsaPublicPEM)
	f.Fuzz(func(t *testing.T, body string) {
		proven, err := verifyAlipay(t, key, body)
		if err == nil && (!strings.Contains(body, node) || !strings.Contains(proven, node)) || err != nil && proven != "" {
			t.Errorf("%q proves %q", body, proven)
		}
	})
}
