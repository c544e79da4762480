package secret_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/orderbell/orderbell/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// masterKey is 32 bytes that a number decides, none of which is repeated 32 times.
func masterKey(n int) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "master key %d", n))
	return sum[:]
}

func encoded(n int) string { return base64.StdEncoding.EncodeToString(masterKey(n)) }

func id(n int) string {
	sum := sha256.Sum256(masterKey(n))
	return hex.EncodeToString(sum[:4])
}

func ring(t testing.TB, numbers ...int) *secret.Keyring {
	t.Helper()
	var texts []string
	for _, n := range numbers {
		texts = append(texts, encoded(n))
	}
	k, err := secret.ParseKeys(strings.Join(texts, ","))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestParseKeys(t *testing.T) {
	t.Parallel()
	spellings := []string{
		base64.StdEncoding.EncodeToString(masterKey(1)), base64.RawStdEncoding.EncodeToString(masterKey(1)),
		base64.URLEncoding.EncodeToString(masterKey(1)), base64.RawURLEncoding.EncodeToString(masterKey(1)),
	}
	for _, s := range spellings {
		for _, text := range []string{s, " " + s + "\n", s + ",", "\n\n" + s + "\r\n,\r\n"} {
			k, err := secret.ParseKeys(text)
			if err != nil {
				t.Errorf("%q: %v", text, err)
			} else if got := k.IDs(); !slices.Equal(got, []string{id(1)}) {
				t.Errorf("%q: ids %v", text, got)
			}
		}
	}
	want := []string{id(1), id(2), id(3)}
	k, err := secret.ParseKeys(encoded(1) + ", " + encoded(2) + "\r\n\r\n" + encoded(3) + "\n")
	if err != nil || !slices.Equal(k.IDs(), want) {
		t.Errorf("three keys: %v, %v; want %v", k.IDs(), err, want)
	}
}

func TestParseKeysSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	short := base64.StdEncoding.EncodeToString([]byte("canary-of-16-byt"))
	long := base64.StdEncoding.EncodeToString([]byte("canary-of-33-bytes-and-not-one-32"))
	for name, c := range map[string]struct{ text, want string }{
		"nothing":        {"", "there is no master key"},
		"separators":     {" ,\n,", "there is no master key"},
		"no base64":      {"canary!canary!canary!canary!", "master key 1 of 1 is no base64"},
		"a comment":      {encoded(1) + "\n# canary", "master key 2 of 2 is no base64"},
		"short":          {encoded(1) + "," + short, "master key 2 of 2 has 16 bytes; it must be 32"},
		"long":           {long + "," + encoded(1), "master key 1 of 2 has 33 bytes; it must be 32"},
		"padding within": {encoded(1)[:20] + "=" + encoded(1)[20:], "is no base64"},
		"twice":          {encoded(1) + "," + encoded(2) + "," + encoded(1), "master keys 1 and 3 are the same"},
		"zeroes":         {base64.StdEncoding.EncodeToString(make([]byte, 32)), "is one byte repeated"},
	} {
		_, err := secret.ParseKeys(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		} else if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), short) || strings.Contains(err.Error(), encoded(1)) {
			t.Errorf("%s: the error quotes: %v", name, err)
		}
	}
}

// Whatever prints a keyring sees ids, though fmt would dig the round keys of AES out.
func TestKeyringDoesNotTell(t *testing.T) {
	t.Parallel()
	k := ring(t, 1, 2)
	want := "[master keys " + id(1) + ", " + id(2) + "]"
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, k); got != want {
			t.Errorf("%s: %s", verb, got)
		}
	}
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "keys", k)
	if !strings.Contains(b.String(), want) {
		t.Errorf("slog: %s", b.String())
	}
	if got, err := json.Marshal(k); err != nil || string(got) != `"`+want+`"` {
		t.Errorf("JSON: %s, %v", got, err)
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add(encoded(1))
	f.Add(encoded(1) + "," + encoded(2) + "\n" + encoded(3))
	f.Add("====,\r\n-_")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := secret.ParseKeys(text)
		if err != nil {
			for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' }) {
				if len(word) > 12 && strings.Contains(err.Error(), word) && !strings.Contains("there is no master key: 32 random bytes in base64 are wanted, such as openssl rand -base64 32 gives", word) {
					t.Errorf("the error quotes %q: %v", word, err)
				}
			}
			return
		}
		keyID, sealed, err := k.Seal([]byte("plain"), "m-1", 1)
		if err != nil || keyID != k.IDs()[0] {
			t.Fatalf("%q: sealed with %q, %v", text, keyID, err)
		}
		if plain, err := k.Open(keyID, sealed, "m-1", 1); err != nil || string(plain) != "plain" {
			t.Errorf("%q: opened %q, %v", text, plain, err)
		}
	})
}
