package sign

import (
	"errors"
	"fmt"
	"net/textproto"
	"strings"
)

// Scheme is how requests are signed. Two that were read from the same text are equal.
// The zero Scheme is none of them and signs nothing, nor does it let anything go
// unsigned: only "none", read by [Parse], does.
type Scheme struct {
	method method
}

// method is what the schemes differ in. Their types are comparable.
type method interface {
	// kind is the scheme without its header: a key serves whichever it is.
	kind() string
	// name is the scheme as a policy names it.
	name() string
	// fits refuses policies whose requests it cannot sign.
	fits(httpMethod, format string) error
	key(plain []byte) (*Key, error)
	generate() (plain []byte, public string, err error)
	// sign gets at least one key, all of them its own.
	sign(keys []*Key, m *Message) (Signed, error)
}

// ErrBody means that this message can never be signed, whatever the key. Any other
// error of signing is for us to mend.
var ErrBody = errors.New("the body cannot be signed")

var errUnread = errors.New("no signature scheme was read")

const (
	none             = "none"
	standardWebhooks = "standard-webhooks"
	alipayRSA2       = "alipay-rsa2"
	wechatPayV3      = "wechatpay-v3"
	hmacSHA256       = "hmac-sha256"
	toAlipay         = "alipay-gateway"
	toWeChatPay      = "wechatpay-request"
)

// all is what [Parse] knows, for its error.
const all = none + ", " + standardWebhooks + ", " + alipayRSA2 + ", " + wechatPayV3 + ", " + hmacSHA256 + " and " + hmacSHA256 +
	":Header-Name; for questions to payment channels " + toAlipay + " and " + toWeChatPay

// Parse reads the signature of a policy or endpoint. The error lists what exists.
func Parse(signature string) (Scheme, error) {
	switch signature {
	case none:
		return Scheme{unsigned{}}, nil
	case standardWebhooks:
		return Scheme{standard{}}, nil
	case alipayRSA2:
		return Scheme{alipay{}}, nil
	case wechatPayV3:
		return Scheme{wechatPay{}}, nil
	case hmacSHA256:
		return Scheme{inHeader{defaultHeader}}, nil
	case toAlipay:
		return Scheme{alipayGateway{}}, nil
	case toWeChatPay:
		return Scheme{wechatPayRequest{}}, nil
	}
	header, ok := strings.CutPrefix(signature, hmacSHA256+":")
	if !ok {
		return Scheme{}, fmt.Errorf("there is no signature scheme %q; there are %s", signature, all)
	}
	if err := checkHeader(header); err != nil {
		return Scheme{}, fmt.Errorf("read the signature scheme %q: %w", signature, err)
	}
	return Scheme{inHeader{textproto.CanonicalMIMEHeaderKey(header)}}, nil
}

// String is the scheme as [Parse] reads it, with its header's name in canonical
// letters.
func (s Scheme) String() string {
	if s.method == nil {
		return "(no scheme)"
	}
	return s.method.name()
}

// Signs is false for "none" alone: such requests need no key.
func (s Scheme) Signs() bool { return s != Scheme{unsigned{}} }

// ManySignatures tells that all valid keys sign, during a rotation. The other schemes have
// room for one signature.
func (s Scheme) ManySignatures() bool { return s == Scheme{standard{}} }

// Fits says in words why requests of a policy with this HTTP method and format cannot
// be signed, or nil. [Scheme.Sign] refuses them as well.
func (s Scheme) Fits(httpMethod, format string) error {
	if s.method == nil {
		return errUnread
	}
	return s.method.fits(httpMethod, format)
}

// Key reads one secret. An error says what is wrong with it and quotes nothing of it.
func (s Scheme) Key(plain []byte) (*Key, error) {
	if s.method == nil {
		return nil, errUnread
	}
	if len(plain) > maxSecretBytes {
		return nil, fmt.Errorf("the secret has %d bytes; at most %d are read", len(plain), maxSecretBytes)
	}
	key, err := s.method.key(plain)
	if err != nil {
		return nil, err
	}
	key.kind = s.method.kind()
	return key, nil
}

// Generate makes a secret, and the text to give to the merchant: the secret itself
// where both sides share it, else what belongs to it and verifies.
func (s Scheme) Generate() (plain []byte, public string, err error) {
	if s.method == nil {
		return nil, "", errUnread
	}
	return s.method.generate()
}

// Sign signs a message with its endpoint's keys that are valid, the newest first. Where
// the scheme has room for one signature, the last one signs: the merchant has the whole
// overlap of a rotation to install the other. The message stays as it is.
func (s Scheme) Sign(keys []*Key, m *Message) (Signed, error) {
	if s.method == nil {
		return Signed{}, errUnread
	}
	if !s.Signs() {
		return Signed{Body: m.Body}, nil
	}
	if len(keys) == 0 {
		return Signed{}, fmt.Errorf("sign with %s: there is no key", s)
	}
	for _, key := range keys {
		if key == nil || key.kind != s.method.kind() {
			return Signed{}, fmt.Errorf("sign with %s: a key was read for another scheme", s)
		}
	}
	if err := s.method.fits(m.Method, m.Format); err != nil {
		return Signed{}, err
	}
	signed, err := s.method.sign(keys, m)
	if err != nil {
		return Signed{}, fmt.Errorf("sign with %s: %w", s, err)
	}
	return signed, nil
}

// unsigned is "none".
type unsigned struct{}

func (unsigned) kind() string             { return none }
func (unsigned) name() string             { return none }
func (unsigned) fits(_, _ string) error   { return nil }
func (unsigned) key([]byte) (*Key, error) { return nil, errors.New("the scheme none has no secrets") }

func (unsigned) generate() ([]byte, string, error) {
	return nil, "", errors.New("the scheme none has no secrets")
}

func (unsigned) sign(_ []*Key, m *Message) (Signed, error) { return Signed{Body: m.Body}, nil }
