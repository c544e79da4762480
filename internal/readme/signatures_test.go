package readme_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/delivery/sign"
)

// manySignatures are those of a rotation, of either side.
func manySignatures(t testing.TB) []arrival {
	t.Helper()
	plain, _, err := sign.GenerateEd25519()
	if err != nil {
		t.Fatal(err)
	}
	private := string(plain)
	has := func(secrets ...string) func(*arrival) { return func(a *arrival) { a.secrets = secrets } }
	one, both := signedBy(t, paid, moment, firstKey), signedBy(t, paid, moment, otherKey, firstKey)
	return []arrival{
		both.as("true", "the second of two signatures", has(firstKey)),
		both.as("true", "the first of two signatures", has(otherKey)),
		both.as("true", "two signatures, two secrets", has(firstKey, otherKey)),
		both.as("false", "neither of two signatures", has(thirdKey)),
		one.as("true", "the first of two secrets", has(firstKey, otherKey)),
		one.as("true", "the second of two secrets", has(otherKey, firstKey)),
		one.as("false", "two other secrets", has(otherKey, thirdKey)),
		one.as("false", "another secret", has(otherKey)),
		one.as("false", "no secrets", has()),
		one.as("true", "two spaces between", func(a *arrival) { a.signatures = "v1,x  " + a.signatures + " " }),
		one.as("true", "one of a later version", func(a *arrival) { a.signatures = "v9,x " + a.signatures }),
		signedBy(t, paid, moment, private, firstKey).as("true", "v1a, then v1", has(firstKey)),
		signedBy(t, paid, moment, firstKey, private).as("true", "v1, then v1a", has(firstKey)),
		signedBy(t, paid, moment, private).as("false", "v1a alone", has(firstKey)),
		signedBy(t, paid, moment, private, otherKey).as("false", "v1a and another's v1", has(firstKey)),
	}
}

const thirdKey = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"

// garbage is what anybody may send for a signature. It is refused, and nothing breaks.
func garbage(t testing.TB) []arrival {
	t.Helper()
	whole := signedBy(t, paid, moment, firstKey)
	text := strings.TrimPrefix(whole.signatures, "v1,")
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	var all []arrival
	for _, signatures := range []string{
		text, "v1" + text, "v1a," + text, "v2," + text, "V1," + text, "v1, " + text, "v1,v1," + text, `"v1,` + text + `"`, "v1,=" + text,
		whole.signatures + ",", whole.signatures + "=", whole.signatures + "x", strings.TrimSuffix(whole.signatures, "="),
		whole.signatures[:20], "v1," + hex.EncodeToString(raw), "v1," + string(raw), "v1," + strings.ToLower(text), "v1," + base64.URLEncoding.EncodeToString(raw) + "-",
		"v1", "v1,", ",", " ", "null", "v1,AAAA", "v1," + strings.Repeat("A", 43) + "=", strings.Repeat("v1, ", 1000), strings.Repeat("v1,AAAA ", 100),
		strings.Repeat("é", len(whole.signatures)), "v1," + strings.Repeat("\xe9", 44), string(every), strings.Repeat("x", 100_000),
	} {
		all = append(all, whole.as("false", fmt.Sprintf("%.60q for a signature", signatures), func(a *arrival) { a.signatures = signatures }))
	}
	for _, id := range []string{string(every[1:]), strings.Repeat("é", 40), " " + whole.id, whole.id + " ", strings.ToUpper(whole.id)} {
		all = append(all, whole.as("false", fmt.Sprintf("%.60q for an id", id), func(a *arrival) { a.id = id }))
	}
	return all
}

// wrongSecrets are a receiver's own mistakes. An empty one is dangerous: everybody can
// sign with nothing.
func wrongSecrets(t testing.TB) []arrival {
	t.Helper()
	var all []arrival
	for secret, key := range map[string]string{
		"": "", "whsec_": "", "whsec_!!!!": "", "whsec_AAAA": "\x00\x00\x00",
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23)): string(make([]byte, 23)),
	} {
		all = append(all, forged("an-id", soon, paid, []byte(key)).as(notTrue, fmt.Sprintf("%q for a secret", secret), func(a *arrival) {
			a.secrets = []string{secret}
		}))
	}
	return all
}
