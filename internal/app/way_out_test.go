package app_test

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// forward is an egress proxy for plain http.
func forward(w http.ResponseWriter, r *http.Request) {
	out := r.Clone(r.Context())
	out.RequestURI = ""
	answer, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body) // the worker sees what is missing
}

// An egress proxy that is away costs no rung; once it is there, requests go through it.
func TestEgressProxyIsAway(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	merchant := merchanttest.New(t)
	proxy, open := closedDoor(t)
	shop.endpoint("m-1", merchant.URL, "standard")
	id := shop.enqueue("m-1", "o-1", "{}")
	c := shop.config("w1")
	c.Network.Proxy = config.Proxy(proxy)
	shop.work(c)
	pgtest.Eventually(t, 30*time.Second, "two attempts have failed at the proxy", func() error {
		if n := shop.count("select count(*) from orderbell.attempt where outcome = 'interrupted' and error like '%the egress proxy%'"); n < 2 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	if rung := shop.count("select rung from orderbell.delivery where notification_id = $1", id); rung != 0 {
		t.Errorf("the proxy has cost %d rungs", rung)
	}
	open(http.HandlerFunc(forward))
	if state, why := shop.ended(id); state != "acknowledged" {
		t.Errorf("it is %s: %s", state, why)
	}
}

// An endpoint's own certificate authority is believed for that endpoint, and for no other.
func TestAnEndpointsOwnAuthority(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	server := httptest.NewTLSServer(success)
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, endpoint := range []string{"own", "other"} {
		shop.endpoint(endpoint, server.URL, "standard")
	}
	c := shop.config("w1")
	c.TLS = append(c.TLS, config.TLS{Endpoint: "own", CAFile: file})
	shop.work(c)
	own, other := shop.enqueue("own", "o-1", "{}"), shop.enqueue("other", "o-2", "{}")
	if state, why := shop.ended(own); state != "acknowledged" {
		t.Errorf("it is %s: %s", state, why)
	}
	shop.settled(other, 1)
	var outcome, said string
	shop.get("select last_outcome, last_error from orderbell.notification_status where id = $1", []any{other}, &outcome, &said)
	if outcome != "unreachable" || said != "TLS: certificate signed by an unknown authority" {
		t.Errorf("the other one came to %s: %s", outcome, said)
	}
}
