package secret_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/orderbell/orderbell/internal/secret"
)

func seal(t testing.TB, k *secret.Keyring, plain, endpoint string, version int) (string, []byte) {
	t.Helper()
	keyID, sealed, err := k.Seal([]byte(plain), endpoint, version)
	if err != nil {
		t.Fatal(err)
	}
	return keyID, sealed
}

func TestSealedOpens(t *testing.T) {
	t.Parallel()
	k := ring(t, 1, 2)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		endpoint, version := rapid.String().Draw(t, "endpoint"), rapid.Int().Draw(t, "version")
		keyID, sealed, err := k.Seal(plain, endpoint, version)
		if err != nil || keyID != id(1) || len(sealed) != len(plain)+28 {
			t.Fatalf("sealed %d bytes as %d with %s, %v", len(plain), len(sealed), keyID, err)
		}
		if got, err := k.Open(keyID, sealed, endpoint, version); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("opened %q, %v", got, err)
		}
	})
}

// The layout is written down in the package's documentation: other programs may have
// to read what lies in the database.
func TestSealedAsWrittenDown(t *testing.T) {
	t.Parallel()
	_, sealed := seal(t, ring(t, 1), "plain", "m-1001", 7)
	block, _ := aes.NewCipher(masterKey(1))
	gcm, _ := cipher.NewGCM(block)
	bound := "orderbell secret 1" + "\x00\x00\x00\x06m-1001" + string(binary.BigEndian.AppendUint64(nil, 7))
	got, err := gcm.Open(nil, sealed[:12], sealed[12:], []byte(bound))
	if err != nil || string(got) != "plain" {
		t.Errorf("opened %q, %v", got, err)
	}
}

// A row's secret opens for that endpoint and version alone.
func TestRowsCannotBeSwapped(t *testing.T) {
	t.Parallel()
	k := ring(t, 1)
	keyID, sealed := seal(t, k, "canary", "m-1", 2)
	for _, row := range []struct {
		endpoint string
		version  int
	}{{"m-2", 2}, {"m-1", 1}, {"m-1", 3}, {"m-12", 0}, {"m-", 12}, {"", 2}, {"m-1", -2}, {"M-1", 2}} {
		plain, err := k.Open(keyID, sealed, row.endpoint, row.version)
		if !errors.Is(err, secret.ErrDoesNotOpen) || plain != nil {
			t.Errorf("%v: %q, %v", row, plain, err)
		}
	}
}

func TestEveryChangeIsSeen(t *testing.T) {
	t.Parallel()
	k := ring(t, 1)
	keyID, sealed := seal(t, k, "a secret of thirty-two bytes ok!", "m-1", 1)
	for at := range sealed {
		for _, flip := range []byte{1, 0x80, 0xff} {
			changed := slices.Clone(sealed)
			changed[at] ^= flip
			if _, err := k.Open(keyID, changed, "m-1", 1); !errors.Is(err, secret.ErrDoesNotOpen) {
				t.Fatalf("byte %d: %v", at, err)
			}
		}
		if _, err := k.Open(keyID, sealed[:at], "m-1", 1); !errors.Is(err, secret.ErrDoesNotOpen) {
			t.Fatalf("cut to %d bytes: %v", at, err)
		}
	}
}

func TestSameSecretSealsDifferently(t *testing.T) {
	t.Parallel()
	k, seen := ring(t, 1), map[string]bool{}
	for range 1000 {
		_, sealed := seal(t, k, "plain", "m-1", 1)
		seen[string(sealed[:12])] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d nonces in 1000", len(seen))
	}
}

// A new key goes in front, rows are sealed anew, the old key goes: every row opens all
// the time, and what is still under the old one then says which key it wants.
func TestRetiringAKey(t *testing.T) {
	t.Parallel()
	oldID, sealed := seal(t, ring(t, 1), "canary", "m-1", 1)
	both := ring(t, 2, 1)
	plain, err := both.Open(oldID, sealed, "m-1", 1)
	if err != nil || string(plain) != "canary" {
		t.Fatalf("%q, %v", plain, err)
	}
	newID, anew := seal(t, both, string(plain), "m-1", 1)
	if newID != id(2) {
		t.Errorf("sealed with %s", newID)
	}
	last := ring(t, 2, 3)
	if plain, err = last.Open(newID, anew, "m-1", 1); err != nil || string(plain) != "canary" {
		t.Errorf("%q, %v", plain, err)
	}
	_, err = last.Open(oldID, sealed, "m-1", 1)
	var unknown *secret.UnknownKeyError
	if !errors.As(err, &unknown) || unknown.KeyID != id(1) || !slices.Equal(unknown.Have, []string{id(2), id(3)}) || errors.Is(err, secret.ErrDoesNotOpen) {
		t.Fatalf("%#v", err)
	}
	for _, want := range []string{`"m-1"`, "version 1", id(1), id(2) + ", " + id(3)} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
}

func TestErrorsNameTheRow(t *testing.T) {
	t.Parallel()
	k := ring(t, 1)
	_, err := k.Open(id(1), []byte("canary"), "m-1", 4)
	if want := `open version 4 of endpoint "m-1"'s secret with master key ` + id(1) + ": it does not open"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v; want %s", err, want)
	}
}

func TestNoKeyring(t *testing.T) {
	t.Parallel()
	for _, k := range []*secret.Keyring{nil, {}} {
		_, _, sealing := k.Seal([]byte("canary"), "m-1", 1)
		_, opening := k.Open(id(1), []byte("canary"), "m-1", 1)
		for _, err := range []error{sealing, opening} {
			if !errors.Is(err, secret.ErrNoMasterKey) {
				t.Fatal(err)
			}
			for _, want := range []string{`"m-1"`, "secrets.master_key ", "secrets.master_key_file"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not name %s", err, want)
				}
			}
		}
		if len(k.IDs()) != 0 || k.String() != "[master keys ]" {
			t.Errorf("%v", k)
		}
	}
}

// golden is "canary of a secret" for version 1 of m-1, with a nonce that is known: each
// process of a fuzzing run makes the same.
func golden() []byte {
	nonce := []byte("twelve bytes")
	block, _ := aes.NewCipher(masterKey(1))
	gcm, _ := cipher.NewGCM(block)
	return gcm.Seal(nonce, nonce, []byte("canary of a secret"), []byte("orderbell secret 1\x00\x00\x00\x03m-1\x00\x00\x00\x00\x00\x00\x00\x01"))
}

// Nothing but what was sealed opens, and nothing that is opened gets into an error.
func FuzzOpen(f *testing.F) {
	k, keyID, sealed := ring(f, 1, 2), id(1), golden()
	f.Add(keyID, sealed, "m-1", 1)
	f.Add(keyID, sealed[:27], "m-1", 1)
	f.Add(id(2), sealed, "m-1", 1)
	f.Add("", []byte(nil), "", 0)
	f.Fuzz(func(t *testing.T, withID string, text []byte, endpoint string, version int) {
		plain, err := k.Open(withID, text, endpoint, version)
		same := withID == keyID && bytes.Equal(text, sealed) && endpoint == "m-1" && version == 1
		if same != (err == nil) || same != (string(plain) == "canary of a secret") {
			t.Errorf("opened %q, %v", plain, err)
		}
		if err != nil && !strings.Contains(endpoint+withID, "canary") && strings.Contains(err.Error(), "canary") {
			t.Errorf("the error tells: %v", err)
		}
	})
}
