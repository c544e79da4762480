package delivery

import (
	"net/url"
	"testing"
	"time"
)

// TestTransportSettings reads what connections_test.go sees at work, and what no
// test can see.
func TestTransportSettings(t *testing.T) {
	t.Parallel()
	c := New(Options{})
	tr := c.transport
	if tr.MaxIdleConns < 1 || tr.MaxIdleConns > 1000 {
		t.Errorf("%d idle connections in all; 0 is without bound", tr.MaxIdleConns)
	}
	if tr.MaxIdleConnsPerHost < 64 || tr.MaxIdleConnsPerHost > tr.MaxIdleConns {
		t.Errorf("%d idle connections per host", tr.MaxIdleConnsPerHost)
	}
	if tr := New(Options{Concurrency: 300}).transport; tr.MaxIdleConnsPerHost != 300 || tr.MaxIdleConns != 600 {
		t.Errorf("%d idle connections per host, %d in all, for 300 at once", tr.MaxIdleConnsPerHost, tr.MaxIdleConns)
	}
	if tr.IdleConnTimeout <= 0 || tr.IdleConnTimeout >= 5*time.Second {
		t.Errorf("idle connections stay for %v; common servers close theirs after 5 s", tr.IdleConnTimeout)
	}
	if tr.MaxResponseHeaderBytes != 16<<10 {
		t.Errorf("headers are capped at %d bytes", tr.MaxResponseHeaderBytes)
	}
	if tr.Proxy != nil || !tr.DisableCompression || tr.ForceAttemptHTTP2 || tr.Protocols.HTTP2() || !tr.Protocols.HTTP1() {
		t.Error("a proxy, compression or HTTP/2 is on")
	}
	if tr.DisableKeepAlives || tr.MaxConnsPerHost != 0 {
		t.Error("connections are not kept, or a slow endpoint makes deliveries wait for one another")
	}
}

func TestProxiesOfTheEnvironmentAreNotAsked(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	if p := New(Options{}).transport.Proxy; p != nil {
		u, err := p(nil)
		t.Errorf("asked for %v, %v", u, err)
	}
}

func TestDefaultOptions(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{0, -1} {
		if c := New(Options{MaxAnswer: size}); c.maxAnswer != 16<<10 || c.agent != "orderbell/dev" {
			t.Errorf("cap %d, agent %q", c.maxAnswer, c.agent)
		}
	}
	if u := (&url.URL{Scheme: "https", User: url.UserPassword("u", "p"), Host: "h:1", Path: "/n", RawQuery: "secret", Fragment: "f"}); bare(u) != "https://h:1/n" {
		t.Errorf("bare: %s", bare(u))
	}
}
