package main_test

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"
)

// A token is shown once, by the command that makes it; the database never has it.
func TestEndpointToken(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.endpoint("m-1", "https://shop.example/notify")
	token := []string{"endpoint", "token", "m-1"}

	made := run(t, s.env(), token...)
	made.wants(t, 0, ", good until it is revoked\n", "")
	text := regexp.MustCompile(`\nobt_[a-z2-7]{52}\n$`).FindString(made.stdout)
	if text == "" {
		t.Fatalf("it printed %q", made.stdout)
	}
	text = strings.TrimSpace(text)
	sum := sha256.Sum256([]byte(text))
	if got, want := s.get("select endpoint || ' ' || encode(hash, 'hex') from orderbell.token"), "m-1 "+hex.EncodeToString(sum[:]); got != want {
		t.Errorf("stored %s, want %s", got, want)
	}

	second := object(t, run(t, s.env(), append(token, "--json", "--expires", "48h")...))
	hint, _ := second["hint"].(string)
	if whole, _ := second["token"].(string); !strings.HasSuffix(whole, hint) || len(hint) != 4 || second["expires_at"] == nil || second["endpoint"] != "m-1" {
		t.Errorf("it printed %v", second)
	}

	list := run(t, s.env(), append(token, "--list")...)
	list.wants(t, 0, text[len(text)-4:], "")
	list.wants(t, 0, hint, "")
	if strings.Contains(list.stdout, text) || strings.Contains(list.stdout, hex.EncodeToString(sum[:8])) {
		t.Error("the token, or its hash, is listed")
	}
	s.exec("update orderbell.token set expires_at = now() where hint = $1", hint)
	run(t, s.env(), append(token, "--list")...).wants(t, 0, "expired at ", "")
	run(t, s.env(), append(token, "--list", "--json")...).wants(t, 0, `"expired": true`, "")

	revoke := append(token, "--revoke", text[len(text)-4:])
	run(t, s.env(), revoke...).wants(t, 0, "is revoked", "")
	again := run(t, s.env(), revoke...)
	again.wants(t, 1, "", "has no token that ends in "+text[len(text)-4:])
	again.oneLine(t)
	// A new one forgets those that have expired.
	run(t, s.env(), append(token, "--json")...).wants(t, 0, `"expires_at": null`, "")
	if n := s.get("select count(*)::text from orderbell.token"); n != "1" {
		t.Errorf("%s tokens are left", n)
	}
	s.exec("delete from orderbell.endpoint")
	if n := s.get("select count(*)::text from orderbell.token"); n != "0" {
		t.Errorf("%s tokens outlive their endpoint", n)
	}
}

func TestEndpointTokenRefuses(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.endpoint("m-1", "https://shop.example/notify")
	for _, test := range []struct {
		args   string
		status int
		stderr string
	}{
		{"nobody", 1, "nobody"},
		{"--list nobody", 1, "no endpoint nobody"},
		{"--revoke abcd nobody", 1, "no token that ends in abcd"},
		{"--expires 0s m-1", 2, "--expires 0s is not above 0"},
		{"--expires 87601h m-1", 2, "is not above 0 and up to"},
		{"--expires 1h --list m-1", 2, "do not go together"},
		{"--revoke abcd --list m-1", 2, "do not go together"},
		{"", 2, "0 arguments instead of 1"},
	} {
		got := run(t, s.env(), append([]string{"endpoint", "token"}, strings.Fields(test.args)...)...)
		got.wants(t, test.status, "", test.stderr)
		got.oneLine(t)
	}
	if n := s.get("select count(*)::text from orderbell.token"); n != "0" {
		t.Errorf("%s tokens were made", n)
	}
}

// The operators' role is enough, and does not read the hashes.
func TestRightToMakeTokens(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.endpoint("m-1", "https://shop.example/notify")
	user := newUser(t)
	env := s.env("ORDERBELL_DATABASE_URL=" + user.url(t, s.url))
	user.isRefused(t, run(t, env, "endpoint", "token", "m-1"), "orderbell_operator")
	s.exec("grant orderbell_operator to " + user.name)
	made := object(t, run(t, env, "endpoint", "token", "--json", "m-1"))
	run(t, env, "endpoint", "token", "--list", "m-1").wants(t, 0, user.name, "")
	run(t, env, "endpoint", "token", "--revoke", made["hint"].(string), "m-1").wants(t, 0, "is revoked", "")
}
