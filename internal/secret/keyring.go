package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
)

const (
	keyBytes = 32 // AES-256
	idDigits = 8
)

// Keyring holds the master keys, the one that seals first. It does not change and may
// be used by many goroutines. A nil Keyring has no keys, and says so when it is used.
type Keyring struct {
	keys []masterKey
}

type masterKey struct {
	id  string
	box cipher.AEAD
}

// ParseKeys reads master keys, each of them 32 bytes in base64 (with + and / or with -
// and _, padded or not), separated by commas or line breaks. The first one seals, all of
// them open. An error says which key is wrong and how, and quotes none.
func ParseKeys(text string) (*Keyring, error) {
	words := split(text)
	if len(words) == 0 {
		return nil, errors.New("there is no master key: 32 random bytes in base64 are wanted, such as openssl rand -base64 32 gives")
	}
	ring := &Keyring{}
	for i, word := range words {
		key, err := parseKey(word)
		if err != nil {
			return nil, fmt.Errorf("master key %d of %d %w", i+1, len(words), err)
		}
		for earlier, other := range ring.keys {
			if other.id == key.id {
				return nil, fmt.Errorf("master keys %d and %d are the same", earlier+1, i+1)
			}
		}
		ring.keys = append(ring.keys, key)
	}
	return ring, nil
}

// split leaves out what is empty, so that a comma at the end of a line is no key.
func split(text string) []string {
	var words []string
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }) {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, word)
		}
	}
	return words
}

func parseKey(word string) (masterKey, error) {
	word = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(word, "="))
	key, err := base64.RawStdEncoding.DecodeString(word)
	if err != nil {
		return masterKey{}, errors.New("is no base64")
	}
	if len(key) != keyBytes {
		return masterKey{}, fmt.Errorf("has %d bytes; it must be %d", len(key), keyBytes)
	}
	if strings.Count(string(key), string(key[:1])) == keyBytes {
		return masterKey{}, errors.New("is one byte repeated, which is no random key")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return masterKey{}, errors.New("cannot be used with AES")
	}
	box, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return masterKey{}, errors.New("cannot be used with AES-GCM")
	}
	sum := sha256.Sum256(key)
	return masterKey{hex.EncodeToString(sum[:])[:idDigits], box}, nil
}

// IDs are the ids of the keys; the first one seals.
func (k *Keyring) IDs() []string {
	if k == nil {
		return nil
	}
	ids := make([]string, 0, len(k.keys))
	for _, key := range k.keys {
		ids = append(ids, key.id)
	}
	return ids
}

// String tells the keys' ids.
func (k *Keyring) String() string { return "[master keys " + strings.Join(k.IDs(), ", ") + "]" }

// Format writes the same for every verb.
func (k *Keyring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue is the same for a log.
func (k *Keyring) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalJSON writes the same as a JSON string.
func (k *Keyring) MarshalJSON() ([]byte, error) { return strconv.AppendQuote(nil, k.String()), nil }
