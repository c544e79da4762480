package main_test

import (
	"strings"
	"testing"
)

const masterKeyOfTests = "ORDERBELL_SECRETS_MASTER_KEY=AB3DAB3DAB3DAB3DAB3DAB3DAB3DAB3DAB3DAB3DAB4="

// A secret is shown once, by the command that makes it; whatever is missing is said, with
// what mends it.
func TestRotateSecret(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const url = "https://shop.example/notify"
	env := s.env(masterKeyOfTests)
	rotate := []string{"endpoint", "rotate-secret", "m-1"}
	run(t, env, "endpoint", "add", "m-1", url).wants(t, 0, "added endpoint m-1", "")
	run(t, env, rotate...).wants(t, 1, "", "signs nothing")
	run(t, env, "endpoint", "rotate-secret", "nobody").wants(t, 1, "", "no endpoint nobody")
	run(t, env, "endpoint", "add", "m-1", url, "--signature", "rot13").wants(t, 1, "", "signature is none of")
	run(t, env, "endpoint", "add", "m-1", url, "--signature", "standard-webhooks").wants(t, 0, "signature standard-webhooks", "")
	run(t, s.env(), rotate...).wants(t, 1, "", "secrets.master_key")
	run(t, env, append(rotate, "--overlap", "-1s")...).wants(t, 2, "", "--overlap -1s is not between")
	run(t, env, append(rotate, "--import", "/no/such/file")...).wants(t, 1, "", "read the secret")

	first := run(t, env, rotate...)
	first.wants(t, 0, "has version 1 of its secret, for standard-webhooks\n", "")
	_, secret, shown := strings.Cut(first.stdout, "\nwhsec_")
	if !shown {
		t.Fatalf("it printed %q", first.stdout)
	}
	second := run(t, env, append(rotate, "--json", "--ed25519")...)
	second.wants(t, 0, `"version": 2`, "")
	second.wants(t, 0, `"give": "whpk_`, "")
	list := run(t, env, "endpoint", "list", "--json")
	list.wants(t, 0, `"secrets": 2`, "")
	if strings.Contains(list.stdout+second.stdout, strings.TrimSpace(secret)) {
		t.Error("the first secret is shown again")
	}
	run(t, s.env(masterKeyOfTests+",Qx7/Qx7/Qx7/Qx7/Qx7/Qx7/Qx7/Qx7/Qx7/Qx7/AB4="), "endpoint", "reseal-secrets").
		wants(t, 0, "0 of 2 secrets were sealed anew", "")
	run(t, s.env("ORDERBELL_SECRETS_MASTER_KEY=Qx7/Qx7/Qx7/Qx7/Qx7/Qx7/Qx7/Qx7/Qx7/Qx7/AB4=,AB3DAB3DAB3DAB3DAB3DAB3DAB3DAB3DAB3DAB3DAB4="), "endpoint", "reseal-secrets").
		wants(t, 0, "2 of 2 secrets were sealed anew", "")
	run(t, env, "endpoint", "reseal-secrets").wants(t, 1, "", "master key")
	// What was made for another scheme, or cannot be opened, would park the endpoint.
	run(t, env, rotate...).wants(t, 1, "", "its former secret cannot go on signing")
	run(t, env, "endpoint", "add", "m-1", url, "--signature", "hmac-sha256").wants(t, 0, "signature hmac-sha256", "")
	both := s.env("ORDERBELL_SECRETS_MASTER_KEY=Qx7/Qx7/Qx7/Qx7/Qx7/Qx7/Qx7/Qx7/Qx7/Qx7/AB4=")
	run(t, both, "endpoint", "add", "m-1", url, "--signature", "alipay-rsa2", "--policy", "alipay").wants(t, 0, "signature alipay-rsa2", "")
	s.exec("update orderbell.policy set format = 'form' where name = 'alipay'")
	run(t, both, rotate...).wants(t, 1, "", "with --overlap 0s it is destroyed")
	run(t, both, append(rotate, "--overlap", "0s")...).wants(t, 0, "the former ones are destroyed", "")
}
