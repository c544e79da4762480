package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	sharedPrefix  = "whsec_"
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"

	minSharedBytes, maxSharedBytes = 24, 64
)

// standard is Standard Webhooks 1.0.0: id.timestamp.body, signed by every key.
type standard struct{}

func (standard) kind() string { return standardWebhooks }
func (standard) name() string { return standardWebhooks }

func (standard) fits(_, format string) error { return wantsBody(standardWebhooks, format) }

func (standard) key(plain []byte) (*Key, error) {
	if text, ok := strings.CutPrefix(string(plain), sharedPrefix); ok {
		data, err := readBase64(text)
		if err != nil {
			return nil, fmt.Errorf("what follows %s %w", sharedPrefix, err)
		}
		if len(data) < minSharedBytes || len(data) > maxSharedBytes {
			return nil, fmt.Errorf("the secret has %d bytes; %d to %d are wanted", len(data), minSharedBytes, maxSharedBytes)
		}
		return &Key{shared: newMAC(data)}, nil
	}
	if text, ok := strings.CutPrefix(string(plain), privatePrefix); ok {
		return privateKey(text)
	}
	if bytes.HasPrefix(plain, []byte(publicPrefix)) {
		return nil, fmt.Errorf("%s begins a public key; the private one begins with %s", publicPrefix, privatePrefix)
	}
	return nil, fmt.Errorf("the secret begins neither with %s nor with %s", sharedPrefix, privatePrefix)
}

// privateKey reads a seed, or a seed with its public key behind it. The specification
// says "standard ed25519 key pair" and no more; senders in use write the pair.
func privateKey(text string) (*Key, error) {
	data, err := readBase64(text)
	if err != nil {
		return nil, fmt.Errorf("what follows %s %w", privatePrefix, err)
	}
	if len(data) != ed25519.SeedSize && len(data) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("the ed25519 key has %d bytes; %d or %d are wanted", len(data), ed25519.SeedSize, ed25519.PrivateKeySize)
	}
	key := ed25519.NewKeyFromSeed(data[:ed25519.SeedSize])
	if len(data) == ed25519.PrivateKeySize && !key.Equal(ed25519.PrivateKey(data)) {
		return nil, errors.New("the ed25519 key's second half is not the public key of the first")
	}
	return &Key{ed25519: key}, nil
}

// generate makes the secret that every library can verify; see [GenerateEd25519].
func (standard) generate() ([]byte, string, error) {
	text := sharedPrefix + base64.StdEncoding.EncodeToString(random(freshBytes))
	return []byte(text), text, nil
}

// GenerateEd25519 makes the other kind of secret for standard-webhooks, of which the
// merchant gets the public key alone.
func GenerateEd25519() (plain []byte, public string, err error) {
	open, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("make an ed25519 key: %w", err)
	}
	return []byte(privatePrefix + base64.StdEncoding.EncodeToString(key)),
		publicPrefix + base64.StdEncoding.EncodeToString(open), nil
}

func (standard) sign(keys []*Key, m *Message) (Signed, error) {
	if strings.Contains(m.ID, ".") {
		return Signed{}, errors.New("the notification's id has a dot, which ends it in the signed text")
	}
	at := strconv.FormatInt(m.At.Unix(), 10)
	list := make([]byte, 0, len(keys)*100)
	for i, key := range keys {
		if i > 0 {
			list = append(list, ' ')
		}
		list = key.appendStandard(list, m.ID, at, m.Body)
	}
	return Signed{Body: m.Body, Headers: []Header{
		{"Webhook-Id", m.ID}, {"Webhook-Timestamp", at}, {"Webhook-Signature", string(list)},
	}}, nil
}

// appendStandard adds one signature with its version.
func (k *Key) appendStandard(list []byte, id, at, body string) []byte {
	if k.ed25519 != nil {
		signature := ed25519.Sign(k.ed25519, []byte(id+"."+at+"."+body))
		return base64.StdEncoding.AppendEncode(append(list, "v1a,"...), signature)
	}
	digest := k.shared.sum(id, ".", at, ".", body)
	return base64.StdEncoding.AppendEncode(append(list, "v1,"...), digest[:])
}
