package sign

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Bits of an RSA key. What signing costs grows with the cube of them.
const minRSABits, maxRSABits = 2048, 8192

// readRSA reads a private key, PKCS #1 or #8, as PEM or as the bare base64 of it that
// Alipay's tools give. Errors of x509 are not passed on: what they say is about ASN.1.
func readRSA(text string) (*rsa.PrivateKey, error) {
	der, err := readDER(text)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, errors.New("is no private key of PKCS #1 or PKCS #8, or a damaged one")
		}
		var ok bool
		if key, ok = parsed.(*rsa.PrivateKey); !ok {
			return nil, errors.New("is no RSA key")
		}
	}
	if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return nil, fmt.Errorf("has %d bits; %d to %d are wanted", bits, minRSABits, maxRSABits)
	}
	return key, nil
}

func readDER(text string) ([]byte, error) {
	if !strings.Contains(text, "-----BEGIN ") {
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil || len(der) == 0 {
			return nil, errors.New("is neither PEM nor base64")
		}
		return der, nil
	}
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return nil, errors.New("is PEM that cannot be read")
	case strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "":
		return nil, errors.New("is protected by a passphrase")
	case strings.Contains(block.Type, "PUBLIC KEY"):
		return nil, errors.New("is a public key; the private one is wanted")
	case block.Type == "CERTIFICATE":
		return nil, errors.New("is a certificate; the private key is wanted")
	case strings.TrimSpace(string(rest)) != "":
		return nil, errors.New("is followed by something else")
	}
	return block.Bytes, nil
}

// generateRSA makes a key pair as PEM: PKCS #8, and PKIX for the public key.
func generateRSA() (private, public string, err error) {
	key, err := rsa.GenerateKey(rand.Reader, minRSABits)
	if err != nil {
		return "", "", fmt.Errorf("make an RSA key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", fmt.Errorf("write an RSA key: %w", err)
	}
	open, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return "", "", fmt.Errorf("write an RSA public key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: open})), nil
}

// signRSA is RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017), in base64. Both platforms
// call it SHA256withRSA.
func signRSA(key *rsa.PrivateKey, parts ...string) (string, error) {
	h := sha256.New()
	for _, part := range parts {
		h.Write([]byte(part))
	}
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, h.Sum(nil))
	if err != nil {
		return "", fmt.Errorf("make the RSA signature: %w", err)
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}
