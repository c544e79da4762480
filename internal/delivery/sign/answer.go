package sign

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Answer is what came back from an endpoint that signs its answers.
type Answer struct {
	Header func(name string) string // of the answer; empty where there is none
	Body   string                   // the whole of it, as it came
	At     time.Time                // when the request was made, by the database's clock
}

// verifier is a scheme whose endpoints sign their answers.
type verifier interface {
	// verify returns the part of the body that the signature covers.
	verify(key *AnswerKey, a *Answer) (string, error)
}

// Verifies tells that answers are signed too, so that an endpoint needs a key that
// verifies them, and that one that is not proven counts for nothing.
func (s Scheme) Verifies() bool {
	_, ok := s.method.(verifier)
	return ok
}

// Verify returns the part of an answer's body that its signature proves to be the
// endpoint's: nothing else of the body may be believed. An error continues the words "the
// answer's signature".
func (s Scheme) Verify(key *AnswerKey, a *Answer) (string, error) {
	v, ok := s.method.(verifier)
	if !ok || key == nil {
		return "", errors.New("cannot be verified")
	}
	return v.verify(key, a)
}

const mostAnswerKeys = 8

// AnswerKey verifies the answers of one endpoint. It does not change.
type AnswerKey struct{ all []answerKey }

type answerKey struct {
	*rsa.PublicKey
	serial string // of its certificate, as [plainSerial] writes it; empty for a bare key
}

// ReadAnswerKey reads public keys and certificates as PEM, several where the endpoint is
// about to change its own, or a public key as the bare base64 that Alipay gives. Whether a
// certificate is in its time, and who made it, is not looked at. An error says what is
// wrong with the text and repeats nothing of it.
func ReadAnswerKey(text string) (*AnswerKey, error) {
	switch {
	case strings.TrimSpace(text) == "":
		return nil, errors.New("is missing")
	case len(text) > maxSecretBytes:
		return nil, fmt.Errorf("has %d bytes; at most %d are read", len(text), maxSecretBytes)
	case !strings.Contains(text, "-----BEGIN "):
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			return nil, errors.New("is neither PEM nor base64")
		}
		one, err := readAnswerKey("PUBLIC KEY", der)
		if err != nil {
			return nil, err
		}
		return &AnswerKey{[]answerKey{one}}, nil
	}
	key := &AnswerKey{}
	rest := []byte(text)
	for len(bytes.TrimSpace(rest)) > 0 {
		block, after := pem.Decode(rest)
		if block == nil {
			return nil, errors.New("is PEM that cannot be read to its end")
		}
		one, err := readAnswerKey(block.Type, block.Bytes)
		if err != nil {
			return nil, err
		}
		if key.all = append(key.all, one); len(key.all) > mostAnswerKeys {
			return nil, fmt.Errorf("has more than %d keys", mostAnswerKeys)
		}
		rest = after
	}
	return key, nil
}

func readAnswerKey(kind string, der []byte) (answerKey, error) {
	var (
		key    answerKey
		parsed any
		err    error
	)
	switch {
	case kind == "PUBLIC KEY":
		if parsed, err = x509.ParsePKIXPublicKey(der); err != nil {
			return key, errors.New("is a damaged public key")
		}
	case kind == "CERTIFICATE":
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return key, errors.New("is a damaged certificate")
		}
		parsed, key.serial = certificate.PublicKey, plainSerial(certificate.SerialNumber.Text(16))
	case strings.Contains(kind, "PRIVATE KEY"):
		return key, errors.New("is a private key; the public one of the other side is wanted")
	default:
		return key, errors.New("is PEM of something else than PUBLIC KEY or CERTIFICATE")
	}
	var ok bool
	if key.PublicKey, ok = parsed.(*rsa.PublicKey); !ok {
		return key, errors.New("is no RSA key")
	}
	if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return key, fmt.Errorf("has %d bits; %d to %d are wanted", bits, minRSABits, maxRSABits)
	}
	return key, nil
}

// plainSerial writes a serial in one way: in capitals, without zeros in front.
func plainSerial(text string) string { return strings.ToUpper(strings.TrimLeft(text, "0")) }

// fits tells whether one of the keys made a signature over the parts. With a serial,
// certificates of another serial do not count; a bare key is tried whatever it is called.
func (k *AnswerKey) fits(signature, serial string, parts ...string) error {
	data, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return errors.New("is no base64")
	}
	h := sha256.New()
	for _, part := range parts {
		h.Write([]byte(part))
	}
	digest, tried := h.Sum(nil), false
	for _, one := range k.all {
		if serial != "" && one.serial != "" && one.serial != plainSerial(serial) {
			continue
		}
		if tried = true; rsa.VerifyPKCS1v15(one.PublicKey, crypto.SHA256, digest, data) == nil {
			return nil
		}
	}
	if !tried {
		return fmt.Errorf("is by another key: its serial is %.64q", serial)
	}
	return errors.New("is wrong")
}
