package sign

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	defaultHeader = "Orderbell-Signature"
	minTextBytes  = 16
	freshBytes    = 32 // of a shared secret that is made here
)

// taken are headers that cannot hold a signature: they frame the message, belong to
// the connection, say what the body is, or are ours.
var taken = []string{
	"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Expect", "Host", "Keep-Alive",
	"Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent",
}

// checkHeader says why a header cannot hold the signature.
func checkHeader(name string) error {
	const others = "!#$%&'*+-.^_`|~"
	for _, r := range name {
		if !strings.ContainsRune(others, r) && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)) {
			return errors.New("that is no name of a header")
		}
	}
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	switch {
	case name == "":
		return errors.New("the name of the header is missing")
	case slices.Contains(taken, canonical),
		strings.HasPrefix(canonical, "Orderbell-") && canonical != defaultHeader:
		return fmt.Errorf("the header %s has another use", canonical)
	}
	return nil
}

// inHeader is "hmac-sha256": the digest of the body, in a header of this name.
type inHeader struct{ header string }

func (inHeader) kind() string { return hmacSHA256 }

func (s inHeader) name() string {
	if s.header == defaultHeader {
		return hmacSHA256
	}
	return hmacSHA256 + ":" + s.header
}

func (inHeader) fits(_, format string) error { return wantsBody(hmacSHA256, format) }

func (inHeader) key(plain []byte) (*Key, error) {
	switch text := string(plain); {
	case len(text) < minTextBytes:
		return nil, fmt.Errorf("the secret has %d bytes; at least %d are wanted", len(text), minTextBytes)
	case !utf8.ValidString(text):
		return nil, errors.New("the secret is no text")
	case strings.TrimSpace(text) != text:
		return nil, errors.New("the secret begins or ends with whitespace, which is lost when it is copied")
	case strings.ContainsFunc(text, unicode.IsControl):
		return nil, errors.New("the secret has a control character")
	}
	return &Key{shared: newMAC(plain)}, nil
}

// generate makes 43 characters that need no quoting anywhere: 32 random bytes.
func (inHeader) generate() ([]byte, string, error) {
	text := base64.RawURLEncoding.EncodeToString(random(freshBytes))
	return []byte(text), text, nil
}

func (s inHeader) sign(keys []*Key, m *Message) (Signed, error) {
	digest := keys[len(keys)-1].shared.sum(m.Body)
	return Signed{Body: m.Body, Headers: []Header{{s.header, hex.EncodeToString(digest[:])}}}, nil
}

// mac is HMAC-SHA256 (RFC 2104) under one key. What it works with is used again: a
// hash that was reset has hashed the key already.
type mac struct{ ready sync.Pool }

type digester struct {
	hash.Hash
	piece  [512]byte // texts are hashed in pieces, since a copy of a whole body costs more
	digest [sha256.Size]byte
}

func newMAC(key []byte) *mac {
	key = slices.Clone(key) // the caller may wipe its own
	return &mac{sync.Pool{New: func() any { return &digester{Hash: hmac.New(sha256.New, key)} }}}
}

// sum is the digest of the parts, one behind the other.
func (m *mac) sum(parts ...string) [sha256.Size]byte {
	d, _ := m.ready.Get().(*digester)
	defer m.ready.Put(d)
	d.Reset()
	for _, part := range parts {
		for len(part) > 0 {
			n := copy(d.piece[:], part)
			d.Write(d.piece[:n])
			part = part[n:]
		}
	}
	d.Sum(d.digest[:0])
	return d.digest
}

// random are bytes from the system; Go ends the program where there are none.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
