package sign

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
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
	apiV3KeyBytes  = 32 // AES-256
	maxSerialBytes = 64
)

// wechatPay is WeChat Pay's API v3: the body sealed in an envelope, and the envelope
// signed in the headers.
type wechatPay struct{}

// wechatPaySecret is the secret's plaintext. What the merchant gets has the public key
// in place of the private one.
type wechatPaySecret struct {
	PrivateKey string `json:"private_key,omitempty"`
	PublicKey  string `json:"public_key,omitempty"`
	Serial     string `json:"serial"`
	APIv3Key   string `json:"api_v3_key"`
}

func (wechatPay) kind() string { return wechatPayV3 }
func (wechatPay) name() string { return wechatPayV3 }

func (wechatPay) fits(httpMethod, format string) error {
	return wants(wechatPayV3, httpMethod, format, outbox.FormatBody)
}

func (wechatPay) key(plain []byte) (*Key, error) {
	var secret wechatPaySecret
	if json.Unmarshal(plain, &secret) != nil {
		return nil, errors.New("the secret is no JSON object with the texts private_key, serial and api_v3_key")
	}
	private, err := readRSA(secret.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("the private_key %w", err)
	}
	if !isSerial(secret.Serial) {
		return nil, fmt.Errorf("the serial is not 1 to %d letters, digits, - and _", maxSerialBytes)
	}
	if len(secret.APIv3Key) != apiV3KeyBytes {
		return nil, fmt.Errorf("the api_v3_key has %d bytes; %d are wanted", len(secret.APIv3Key), apiV3KeyBytes)
	}
	block, err := aes.NewCipher([]byte(secret.APIv3Key))
	if err != nil {
		return nil, errors.New("the api_v3_key cannot be used with AES")
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return nil, errors.New("the api_v3_key cannot be used with AES-GCM")
	}
	return &Key{rsa: private, serial: secret.Serial, seal: seal}, nil
}

func isSerial(text string) bool {
	for i := range len(text) {
		b := text[i] | 0x20
		if (b < 'a' || b > 'z') && (text[i] < '0' || text[i] > '9') && text[i] != '-' && text[i] != '_' {
			return false
		}
	}
	return text != "" && len(text) <= maxSerialBytes
}

func (wechatPay) generate() ([]byte, string, error) {
	private, public, err := generateRSA()
	if err != nil {
		return nil, "", err
	}
	ours := wechatPaySecret{
		PrivateKey: private,
		Serial:     strings.ToUpper(hex.EncodeToString(random(20))), // as long as a certificate's
		APIv3Key:   (rand.Text() + rand.Text())[:apiV3KeyBytes],     // 160 random bits
	}
	plain, err := json.Marshal(ours) //nolint:gosec // this is the secret, and its caller seals it
	if err != nil {
		return nil, "", errors.New("write the secret as JSON")
	}
	ours.PrivateKey, ours.PublicKey = "", public
	theirs, err := json.Marshal(ours) //nolint:gosec // without the private key, for the merchant
	if err != nil {
		return nil, "", errors.New("write the merchant's part of the secret as JSON")
	}
	return plain, string(theirs), nil
}

type envelope struct {
	ID           string   `json:"id"`
	CreateTime   string   `json:"create_time"`
	EventType    string   `json:"event_type"`
	ResourceType string   `json:"resource_type"`
	Summary      string   `json:"summary"`
	Resource     resource `json:"resource"`
}

type resource struct {
	Algorithm      string `json:"algorithm"`
	Ciphertext     string `json:"ciphertext"`
	Nonce          string `json:"nonce"`
	AssociatedData string `json:"associated_data"`
	OriginalType   string `json:"original_type"`
}

func (wechatPay) sign(keys []*Key, m *Message) (Signed, error) {
	sealing := base64.RawURLEncoding.EncodeToString(random(9)) // 12 characters are 12 bytes of nonce
	return keys[len(keys)-1].signWechatPay(m, sealing, hex.EncodeToString(random(16)))
}

// signWechatPay is all but the nonces, one to seal and one to sign with.
func (k *Key) signWechatPay(m *Message, sealing, signing string) (Signed, error) {
	body, err := json.Marshal(envelope{
		ID: m.ID, CreateTime: m.Created.In(china).Format(time.RFC3339), EventType: m.Event,
		ResourceType: "encrypt-resource", Summary: m.Event, Resource: k.resource(m, sealing),
	})
	if err != nil {
		return Signed{}, fmt.Errorf("write the envelope: %w", err)
	}
	at, text := strconv.FormatInt(m.At.Unix(), 10), string(body)
	signature, err := signRSA(k.rsa, at, "\n", signing, "\n", text, "\n")
	if err != nil {
		return Signed{}, err
	}
	return Signed{Body: text, ContentType: "application/json", Headers: []Header{
		{"Wechatpay-Timestamp", at},
		{"Wechatpay-Nonce", signing},
		{"Wechatpay-Signature", signature},
		{"Wechatpay-Serial", k.serial},
		{"Wechatpay-Signature-Type", weChatPayScheme},
	}}, nil
}

// resource seals the body. Its type is what WeChat Pay's own events say before the
// dot: TRANSACTION.SUCCESS is of the type transaction.
func (k *Key) resource(m *Message, nonce string) resource {
	kind, _, _ := strings.Cut(m.Event, ".")
	kind = strings.ToLower(kind)
	return resource{
		Algorithm:      "AEAD_AES_256_GCM",
		Ciphertext:     base64.StdEncoding.EncodeToString(k.seal.Seal(nil, []byte(nonce), []byte(m.Body), []byte(kind))),
		Nonce:          nonce,
		AssociatedData: kind,
		OriginalType:   kind,
	}
}
