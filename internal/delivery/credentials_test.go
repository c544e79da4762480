package delivery_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/outbox"
)

// put writes a file, as a version of its own.
func put(t *testing.T, path string, content []byte, version int) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(time.Duration(version) * time.Minute)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func loadFiles(t *testing.T, files delivery.CredentialFiles, log *slog.Logger) *delivery.Credentials {
	t.Helper()
	c, err := delivery.LoadCredentials("m-1", files, log)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var quiet = slog.New(slog.DiscardHandler)

// Two endpoints behind one address: each is judged by its own authorities, shown
// its own certificate, and reached over connections of its own.
func TestEndpointsWithTheirOwnCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	authority, client := newIdentity(t, nil, nil), newIdentity(t, nil, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(4711) })
	server := shop(t, newIdentity(t, authority, nil), func(c *tls.Config) {
		c.ClientAuth, c.ClientCAs = tls.VerifyClientCertIfGiven, pool(client)
	})
	for name, content := range map[string][]byte{"ca": authority.cert, "cert": client.cert, "key": client.key} {
		put(t, filepath.Join(dir, name), content, 0)
	}
	courier := newCourier(t, func(o *delivery.Options) {
		o.RootCAs = x509.NewCertPool()
		o.Credentials = map[string]*delivery.Credentials{
			"trusts": loadFiles(t, delivery.CredentialFiles{CA: filepath.Join(dir, "ca")}, quiet),
			"shows":  loadFiles(t, delivery.CredentialFiles{CA: filepath.Join(dir, "ca"), Cert: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")}, quiet),
			"blind":  loadFiles(t, delivery.CredentialFiles{Cert: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")}, quiet),
		}
	})
	for range 2 { // the second time over connections that are there
		for endpoint, shown := range map[string]string{"trusts": "", "shows": "4711"} {
			claim := claimFor(server.URL)
			claim.Endpoint, claim.Policy.Acknowledge = endpoint, `header("Content-Language") == "`+shown+`"`
			want(t, courier.Deliver(t.Context(), claim), outbox.OutcomeAcknowledged, 200, "")
		}
		for _, endpoint := range []string{"blind", "m-1"} {
			claim := claimFor(server.URL)
			claim.Endpoint = endpoint
			want(t, courier.Deliver(t.Context(), claim), outbox.OutcomeUnreachable, 0, "TLS: certificate signed by an unknown authority")
		}
	}
}

func TestClientCertificateThatIsMissing(t *testing.T) {
	t.Parallel()
	who := newIdentity(t, nil, nil)
	server := shop(t, who, func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert })
	r := newCourier(t, func(o *delivery.Options) { o.RootCAs = pool(who) }).Deliver(t.Context(), claimFor(server.URL))
	if r.Outcome != outbox.OutcomeUnreachable || r.Error != "TLS: the server says: certificate required" || !r.Connected {
		t.Errorf("got %+v", r)
	}
}

// Files are read again when they change; a half-written one is not used, and said once.
func TestCertificatesAreRenewed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ca.pem")
	first, second := newIdentity(t, nil, nil), newIdentity(t, nil, nil)
	old, renewed := shop(t, first, nil), shop(t, second, nil)
	put(t, path, first.cert, 0)
	var out bytes.Buffer
	credentials := loadFiles(t, delivery.CredentialFiles{CA: path}, slog.New(slog.NewTextHandler(&out, nil)))
	trusts := func(yes, no string) {
		t.Helper()
		courier := newCourier(t, func(o *delivery.Options) {
			o.Credentials = map[string]*delivery.Credentials{"m-1": credentials}
		})
		if r := courier.Deliver(t.Context(), claimFor(yes)); r.Outcome != outbox.OutcomeAcknowledged {
			t.Errorf("got %+v", r)
		}
		if r := courier.Deliver(t.Context(), claimFor(no)); r.Outcome != outbox.OutcomeUnreachable {
			t.Errorf("got %+v", r)
		}
	}
	trusts(old.URL, renewed.URL)
	half := append(bytes.Clone(first.cert), second.cert[:100]...)
	for version, content := range [][]byte{half, second.cert[:50], nil} { // nil: it is away
		if put(t, path, content, version+1); content == nil {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			credentials.LookAgain()
			trusts(old.URL, renewed.URL)
		}
	}
	if n := strings.Count(out.String(), "cannot be used"); n != 2 { // no whole certificates; no file
		t.Errorf("said %d times:\n%s", n, &out)
	}
	put(t, path, second.cert, 5)
	credentials.LookAgain()
	trusts(renewed.URL, old.URL)
	put(t, path, first.cert, 6)
	if trusts(renewed.URL, old.URL); !strings.Contains(out.String(), "read again") { // no look within a second
		t.Errorf("logged:\n%s", &out)
	}
	if strings.Contains(out.String(), "PRIVATE") {
		t.Errorf("logged:\n%s", &out)
	}
}

func TestCertificatesThatCannotBeLoaded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := newIdentity(t, nil, nil), newIdentity(t, nil, nil)
	for name, content := range map[string][]byte{"a.pem": a.cert, "a.key": a.key, "b.key": b.key, "none": []byte("x")} {
		put(t, filepath.Join(dir, name), content, 0)
	}
	for _, c := range []struct{ ca, cert, key, error string }{
		{"missing", "", "", "missing: no such file or directory"},
		{"none", "", "", "none: holds no whole PEM certificates"},
		{".", "", "", " is no file of at most 1 MB"},
		{"", "a.pem", "b.key", "private key does not match public key"},
		{"", "none", "a.key", "failed to find any PEM data in certificate input"},
	} {
		in := func(name string) string {
			if name == "" {
				return ""
			}
			return filepath.Join(dir, name)
		}
		_, err := delivery.LoadCredentials("m-1", delivery.CredentialFiles{CA: in(c.ca), Cert: in(c.cert), Key: in(c.key)}, quiet)
		if err == nil || !strings.HasPrefix(err.Error(), "read the TLS files of endpoint m-1: ") || !strings.HasSuffix(err.Error(), c.error) {
			t.Errorf("got %v, want %s", err, c.error)
		}
	}
}
