package delivery_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/outbox"
)

// shop is an https server with a certificate of its own.
func shop(t *testing.T, who *identity, change func(*tls.Config)) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Proto != "HTTP/1.1" || r.TLS.Version < tls.VersionTLS12 || r.TLS.NegotiatedProtocol == "h2" {
			t.Errorf("%s over TLS %x, %q", r.Proto, r.TLS.Version, r.TLS.NegotiatedProtocol)
		}
		for _, c := range r.TLS.PeerCertificates {
			w.Header().Add("Content-Language", c.SerialNumber.String()) // some header
		}
		_, _ = io.WriteString(w, "success")
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{who.pair}, MinVersion: tls.VersionTLS12}
	if change != nil {
		change(server.TLS)
	}
	server.EnableHTTP2 = true // which must not be taken
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// Which certificates are refused is in TestHostileMerchants.
func TestTLS(t *testing.T) {
	t.Parallel()
	who := newIdentity(t, nil, nil)
	courier := newCourier(t, func(o *delivery.Options) { o.RootCAs = pool(who) })
	want(t, courier.Deliver(t.Context(), claimFor(shop(t, who, nil).URL)), outbox.OutcomeAcknowledged, 200, "")
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
