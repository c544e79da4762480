package channels

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
)

const maxQuestion = 64 << 10 // bytes of a request's body

// keys are those of both sides.
type keys struct {
	channel *rsa.PrivateKey
	theirs  *rsa.PublicKey // of who asks
	secret  string         // the private key to it, PEM of PKCS #8
	public  string         // of the channel, PEM
}

func newKeys() (keys, error) {
	var k keys
	theirs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return k, fmt.Errorf("make the key of who asks: %w", err)
	}
	if k.channel, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return k, fmt.Errorf("make the channel's key: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(theirs)
	if err != nil {
		return k, fmt.Errorf("write the key of who asks: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&k.channel.PublicKey)
	if err != nil {
		return k, fmt.Errorf("write the channel's public key: %w", err)
	}
	k.theirs = &theirs.PublicKey
	k.secret = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	k.public = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	return k, nil
}

// AnswerKey is the channel's public key, PEM: it verifies the answers.
func (k *keys) AnswerKey() string { return k.public }

// sign is SHA256withRSA, in base64. With a key that was made here it cannot fail.
func (k *keys) sign(text string) string {
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, k.channel, crypto.SHA256, digest[:])
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(signature)
}

// signed tells whether who asks signed a text.
func (k *keys) signed(text, signature string) bool {
	data, err := base64.StdEncoding.DecodeString(signature)
	digest := sha256.Sum256([]byte(text))
	return err == nil && rsa.VerifyPKCS1v15(k.theirs, crypto.SHA256, digest[:], data) == nil
}

func bodyOf(w http.ResponseWriter, r *http.Request) (string, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuestion))
	return string(body), err
}
