package delivery_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/outbox"
)

// shop is an https server with a certificate made for the test.
func shop(t *testing.T, change func(*x509.Certificate, *tls.Config)) (url string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"shop.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	config := &tls.Config{}
	change(template, config)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	config.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Proto != "HTTP/1.1" || r.TLS.Version < tls.VersionTLS12 || r.TLS.NegotiatedProtocol == "h2" {
			t.Errorf("%s over TLS %x, %q", r.Proto, r.TLS.Version, r.TLS.NegotiatedProtocol)
		}
		_, _ = io.WriteString(w, "success")
	}))
	server.TLS = config
	server.EnableHTTP2 = true // which must not be taken
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return server.URL, roots
}

func TestTLS(t *testing.T) {
	t.Parallel()
	day := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.DateOnly) }
	const days = 24 * time.Hour
	for _, c := range []struct {
		name    string
		change  func(*x509.Certificate, *tls.Config)
		unknown bool // the roots do not have it
		error   string
	}{
		{name: "good", change: func(*x509.Certificate, *tls.Config) {}},
		{name: "unknown", unknown: true, change: func(*x509.Certificate, *tls.Config) {}, error: "TLS: certificate signed by an unknown authority"},
		{
			name: "expired", error: "TLS: certificate expired on " + day(-3*days),
			change: func(c *x509.Certificate, _ *tls.Config) {
				c.NotBefore, c.NotAfter = time.Now().Add(-9*days), time.Now().Add(-3*days)
			},
		},
		{
			name: "of the future", error: "TLS: certificate is not valid before " + day(3*days),
			change: func(c *x509.Certificate, _ *tls.Config) {
				c.NotBefore, c.NotAfter = time.Now().Add(3*days), time.Now().Add(9*days)
			},
		},
		{
			name: "of another", error: "TLS: certificate is not for 127.0.0.1 but for shop.example, other.example, 10.0.0.1",
			change: func(c *x509.Certificate, _ *tls.Config) {
				c.DNSNames, c.IPAddresses = append(c.DNSNames, "other.example"), []net.IP{net.IPv4(10, 0, 0, 1)}
			},
		},
		{
			name: "old", error: "TLS: remote error: tls: protocol version not supported",
			change: func(_ *x509.Certificate, c *tls.Config) {
				c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, roots := shop(t, c.change)
			if c.unknown {
				roots = x509.NewCertPool()
			}
			courier := newCourier(t, func(o *delivery.Options) { o.RootCAs = roots })
			r := courier.Deliver(t.Context(), claimFor(url))
			if c.error == "" {
				want(t, r, outbox.OutcomeAcknowledged, 200, "")
			} else {
				want(t, r, outbox.OutcomeUnreachable, 0, c.error)
			}
		})
	}
}

func TestTLSToAServerWithout(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	url := strings.Replace(server.URL, "http:", "https:", 1)
	want(t, newCourier(t, nil).Deliver(t.Context(), claimFor(url)), outbox.OutcomeUnreachable, 0,
		"TLS: the server does not speak TLS")
}
