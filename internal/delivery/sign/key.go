package sign

import (
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// maxSecretBytes bounds what is parsed; an RSA key of 8192 bits has 6.4 KB.
const maxSecretBytes = 16 << 10

// Key is a secret that was read for one scheme. It does not change, and many
// goroutines may sign with it. Reading one of RSA takes 0.2 ms, so callers keep keys.
type Key struct {
	kind string // of scheme

	shared  *mac               // hmac-sha256; standard-webhooks, whsec_
	ed25519 ed25519.PrivateKey // standard-webhooks, whsk_
	rsa     *rsa.PrivateKey    // of Alipay's and WeChat Pay's schemes
	serial  string             // of WeChat Pay's: which key signed
	mchID   string             // wechatpay-request: who asks
	seal    cipher.AEAD        // wechatpay-v3: under the API v3 key
}

// String tells nothing but the scheme.
func (k *Key) String() string {
	if k == nil {
		return "[no key]"
	}
	return "[key of " + k.kind + "]"
}

// Format writes the same for every verb.
func (k *Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue is the same for a log.
func (k *Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText is the same for JSON and YAML.
func (k *Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// readBase64 reads what every receiver's library can read: the standard alphabet, with
// padding, on one line.
func readBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("has a line break")
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil { // Go's error tells where, and that is enough to tell a character
		return nil, errors.New("is no base64 of the standard alphabet with padding")
	}
	return data, nil
}
