package sign_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/delivery/sign"
)

func b64(n int) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("canary"), n)[:n])
}

// bare is PEM without its first and last line.
func bare(text string) string {
	block, _ := pem.Decode([]byte(text))
	return base64.StdEncoding.EncodeToString(block.Bytes)
}

func TestKeysOfEveryKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ signature, secret string }{
		{"standard-webhooks", "whsec_" + b64(24)},
		{"standard-webhooks", "whsec_" + b64(64)},
		{"standard-webhooks", privateSecret},
		{"standard-webhooks", seedSecret},
		{"alipay-rsa2", rsaPEM},
		{"alipay-rsa2", rsaPKCS1},
		{"alipay-rsa2", bare(rsaPEM)},
		{"alipay-rsa2", bare(rsaPKCS1)},
		{"alipay-rsa2", bare(rsaPEM)[:64] + "\r\n" + bare(rsaPEM)[64:] + "\n"},
		{"wechatpay-v3", wechatPaySecret(rsaPEM)},
		{"wechatpay-v3", wechatPaySecret(bare(rsaPKCS1))},
		{"hmac-sha256", "sixteen bytes ok"},
		{"hmac-sha256", "共享的密钥六字"},
	} {
		if _, err := parse(t, c.signature).Key([]byte(c.secret)); err != nil {
			t.Errorf("%s %.20s: %v", c.signature, c.secret, err)
		}
	}
}

// All spellings of one RSA key sign the same.
func TestOneKeyInFourSpellings(t *testing.T) {
	t.Parallel()
	want := signed(t, "alipay-rsa2", message("alipay-rsa2"), rsaPEM)
	for _, spelling := range []string{rsaPKCS1, bare(rsaPEM), bare(rsaPKCS1)} {
		if diff := cmp.Diff(want, signed(t, "alipay-rsa2", message("alipay-rsa2"), spelling)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestKeySaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	noPair := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("canary canary 16"), 4))
	wechat := func(private, serial, apiV3Key string) string {
		text, _ := json.Marshal(map[string]string{"private_key": private, "serial": serial, "api_v3_key": apiV3Key})
		return string(text)
	}
	for _, c := range []struct{ signature, secret, want string }{
		{"standard-webhooks", "", "begins neither with whsec_ nor with whsk_"},
		{"standard-webhooks", b64(32), "begins neither"},
		{"standard-webhooks", "WHSEC_" + b64(32), "begins neither"},
		{"standard-webhooks", publicOfIt, "whpk_ begins a public key"},
		{"standard-webhooks", "whsec_canary canary", "what follows whsec_ is no base64"},
		{"standard-webhooks", "whsec_" + b64(32)[:43], "is no base64"},
		{"standard-webhooks", "whsec_" + b64(32) + "\n", "has a line break"},
		{"standard-webhooks", "whsec_" + b64(23), "has 23 bytes; 24 to 64"},
		{"standard-webhooks", "whsec_" + b64(65), "has 65 bytes; 24 to 64"},
		{"standard-webhooks", "whsk_" + b64(33), "has 33 bytes; 32 or 64"},
		{"standard-webhooks", "whsk_canary!", "what follows whsk_ is no base64"},
		{"standard-webhooks", "whsk_" + noPair, "second half is not the public key of the first"},
		{"alipay-rsa2", "", "is neither PEM nor base64"},
		{"alipay-rsa2", "canary!", "is neither PEM nor base64"},
		{"alipay-rsa2", b64(300), "is no private key of PKCS #1 or PKCS #8"},
		{"alipay-rsa2", bare(rsaPEM)[:800], "is no private key"},
		{"alipay-rsa2", rsaPEM[:800], "is PEM that cannot be read"},
		{"alipay-rsa2", rsaPublicPEM, "is a public key"},
		{"alipay-rsa2", rsaEncrypted, "is protected by a passphrase"},
		{"alipay-rsa2", rsaEncryptedPKCS1, "is protected by a passphrase"},
		{"alipay-rsa2", ecPEM, "is no RSA key"},
		{"alipay-rsa2", rsaShort, "has 1024 bits; 2048"},
		{"alipay-rsa2", rsaLong, "has 8208 bits; 2048 to 8192"},
		{"alipay-rsa2", rsaPEM + otherRSA, "is followed by something else"},
		{"alipay-rsa2", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is a certificate"},
		{"wechatpay-v3", "", "is no JSON object with the texts private_key, serial and api_v3_key"},
		{"wechatpay-v3", rsaPEM, "is no JSON object"},
		{"wechatpay-v3", `{"private_key":"canary`, "is no JSON object"},
		{"wechatpay-v3", `{"private_key":["canary"]}`, "is no JSON object"},
		{"wechatpay-v3", "null", "the private_key is neither PEM nor base64"},
		{"wechatpay-v3", wechat(rsaShort, serial, apiV3Key), "the private_key has 1024 bits"},
		{"wechatpay-v3", wechat(rsaPEM, "", apiV3Key), "the serial is not 1 to 64"},
		{"wechatpay-v3", wechat(rsaPEM, "canary\r\nX: y", apiV3Key), "the serial is not 1 to 64"},
		{"wechatpay-v3", wechat(rsaPEM, strings.Repeat("a", 65), apiV3Key), "the serial is not 1 to 64"},
		{"wechatpay-v3", wechat(rsaPEM, serial, "canary"), "the api_v3_key has 6 bytes; 32"},
		{"hmac-sha256", "canary", "has 6 bytes; at least 16"},
		{"hmac-sha256", "canary canary canary\n", "begins or ends with whitespace"},
		{"hmac-sha256", "canary\x00canary canary", "has a control character"},
		{"hmac-sha256", "canary canary \xff canary", "is no text"},
		{"hmac-sha256", strings.Repeat("canary!!", 2049), "has 16392 bytes; at most 16384"},
	} {
		key, err := parse(t, c.signature).Key([]byte(c.secret))
		if err == nil || key != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %.30q: %v, %v; want %q", c.signature, c.secret, key, err, c.want)
			continue
		}
		if text := err.Error(); strings.Contains(text, "canary") || strings.Contains(text, b64(32)[:6]) {
			t.Errorf("%s: the error quotes: %s", c.signature, text)
		}
	}
}

// fmt would print an RSA key's primes as numbers, and a hash's key as bytes.
func TestKeysDoNotTell(t *testing.T) {
	t.Parallel()
	for signature, secret := range map[string]string{"standard-webhooks": privateSecret, "hmac-sha256": hmacSecret, "wechatpay-v3": wechatPaySecret(rsaPEM)} {
		key := keys(t, signature, secret)[0]
		want := "[key of " + signature + "]"
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			if got := fmt.Sprintf(verb, key); got != want {
				t.Errorf("%s: %.100s", verb, got)
			}
		}
		var b strings.Builder
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "key", key)
		if text, _ := json.Marshal(key); string(text) != `"`+want+`"` || !strings.Contains(b.String(), want) {
			t.Errorf("%s, %s", text, b.String())
		}
	}
	if got := fmt.Sprint((*sign.Key)(nil)); got != "[no key]" {
		t.Error(got)
	}
}

// What is generated can be read, differs every time, and gives the merchant nothing
// of a private key.
func TestGenerate(t *testing.T) {
	t.Parallel()
	for _, signature := range []string{"standard-webhooks", "hmac-sha256", "alipay-rsa2", "wechatpay-v3"} {
		seen := map[string]bool{}
		for range 2 {
			plain, public, err := parse(t, signature).Generate()
			if err != nil || seen[string(plain)] {
				t.Fatalf("%s: %v, seen %v", signature, err, seen[string(plain)])
			}
			seen[string(plain)] = true
			signed(t, signature, message(signature), string(plain))
			if shared := string(plain) == public; shared != (signature == "standard-webhooks" || signature == "hmac-sha256") {
				t.Errorf("%s: the merchant gets %s", signature, public)
			}
			if strings.Contains(public, "PRIVATE") || strings.Contains(public, "private") {
				t.Errorf("%s: the merchant gets %s", signature, public)
			}
		}
	}
	plain, public, err := sign.GenerateEd25519()
	if err != nil || !strings.HasPrefix(public, "whpk_") {
		t.Fatalf("%s, %v", public, err)
	}
	signed(t, "standard-webhooks", message("standard-webhooks"), string(plain))
}

// FuzzKey: no text is too odd to be read or refused, and none is quoted.
func FuzzKey(f *testing.F) {
	schemes := []string{"standard-webhooks", "alipay-rsa2", "wechatpay-v3", "hmac-sha256"}
	for i, secret := range []string{sharedSecret, rsaPKCS1, wechatPaySecret(rsaPEM), hmacSecret} {
		f.Add(i, []byte(secret))
	}
	f.Add(0, []byte(privateSecret))
	f.Fuzz(func(t *testing.T, which int, secret []byte) {
		signature := schemes[uint(which)%uint(len(schemes))]
		key, err := parse(t, signature).Key(secret)
		if (key == nil) == (err == nil) {
			t.Fatalf("%v, %v", key, err)
		}
		if err == nil {
			if _, err := parse(t, signature).Sign([]*sign.Key{key}, message(signature)); err != nil {
				t.Errorf("a key that signs nothing: %v", err)
			}
		}
	})
}
