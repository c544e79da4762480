package delivery

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/orderbell/orderbell/internal/delivery/sign"
)

// signTest begins the signatures that WeChat Pay sends now and then to see whether a
// merchant verifies.
const signTest = "WECHATPAY/SIGNTEST/"

var errNoSignature = errors.New("there is no signature to change")

// forger changes requests that were signed, each in the place where its scheme has the
// signature.
type forger struct{ scheme string }

// wrong gives a request a signature of the right form that fits nothing.
func (f forger) wrong(s *sign.Signed) error {
	return f.change(s, func(signature string) (string, error) {
		if strings.HasPrefix(f.scheme, "hmac-sha256") {
			return flip(signature, hex.DecodeString, hex.EncodeToString)
		}
		list := strings.Split(signature, " ") // standard-webhooks has one for each key
		for i, one := range list {
			version, text, versioned := strings.Cut(one, ",")
			if !versioned {
				version, text = "", one
			} else {
				version += ","
			}
			text, err := flip(text, base64.StdEncoding.DecodeString, base64.StdEncoding.EncodeToString)
			if err != nil {
				return "", err
			}
			list[i] = version + text
		}
		return strings.Join(list, " "), nil
	})
}

// tested is wrong, and says so, as WeChat Pay's own tests do.
func (f forger) tested(s *sign.Signed) error {
	if err := f.wrong(s); err != nil {
		return err
	}
	return f.change(s, func(signature string) (string, error) { return signTest + signature, nil })
}

// unsigned takes the signature away, and nothing else.
func (f forger) unsigned(s *sign.Signed) error {
	return f.change(s, func(string) (string, error) { return "", nil })
}

// flip changes one bit.
func flip(text string, decode func(string) ([]byte, error), encode func([]byte) string) (string, error) {
	data, err := decode(text)
	if err != nil || len(data) == 0 {
		return "", errNoSignature
	}
	data[len(data)/2] ^= 1
	return encode(data), nil
}

// change replaces the signature; an empty one is left out.
func (f forger) change(s *sign.Signed, by func(string) (string, error)) error {
	if f.scheme == "alipay-rsa2" {
		return changeField(s, "sign", by)
	}
	at := slices.IndexFunc(s.Headers, f.carries)
	if at < 0 {
		return errNoSignature
	}
	signature, err := by(s.Headers[at].Value)
	if err != nil {
		return err
	}
	s.Headers = slices.Clone(s.Headers)
	s.Headers[at].Value = signature
	if signature == "" {
		s.Headers = slices.Delete(s.Headers, at, at+1)
	}
	return nil
}

// carries tells the header with the signature. The others of a scheme have their names;
// hmac-sha256 has one header, whatever it is called.
func (f forger) carries(h sign.Header) bool {
	switch f.scheme {
	case "standard-webhooks":
		return h.Name == "Webhook-Signature"
	case "wechatpay-v3":
		return h.Name == "Wechatpay-Signature"
	}
	return true
}

// changeField does the same in a form.
func changeField(s *sign.Signed, name string, by func(string) (string, error)) error {
	fields := strings.Split(s.Body, "&")
	at := slices.IndexFunc(fields, func(field string) bool { return strings.HasPrefix(field, name+"=") })
	if at < 0 {
		return errNoSignature
	}
	value, err := url.QueryUnescape(fields[at][len(name)+1:])
	if err == nil {
		value, err = by(value)
	}
	switch {
	case err != nil:
		return err
	case value == "":
		fields = slices.Delete(fields, at, at+1)
	default:
		fields[at] = name + "=" + url.QueryEscape(value)
	}
	s.Body = strings.Join(fields, "&")
	return nil
}
