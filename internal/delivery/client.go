package delivery

import (
	"cmp"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

const (
	maxHeaderBytes = 64 << 10
	idleInAll      = 512 // at least
	idleTimeout    = 4 * time.Second
)

// newTransport builds the only transport. What it does not set is off: no proxy
// from the environment, no cookies, no compression, no HTTP/2.
func newTransport(o Options) *http.Transport {
	var one http.Protocols
	one.SetHTTP1(true)
	atOnce := cmp.Or(max(o.Concurrency, 0), defaultConcurrency)
	plain := &net.Dialer{Resolver: o.Resolver, ControlContext: o.Guard.Control("http")}
	secure := &net.Dialer{Resolver: o.Resolver, ControlContext: o.Guard.Control("https")}
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dialPlain(plain),
		DialTLSContext:         dialTLS(secure, &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}),
		Protocols:              &one,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConns:           max(idleInAll, 2*atOnce),
		MaxIdleConnsPerHost:    atOnce,
		IdleConnTimeout:        idleTimeout,
	}
}
