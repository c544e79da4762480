package delivery

import (
	"cmp"
	"net/http"
	"time"
)

const (
	maxHeaderBytes = 16 << 10
	bufferBytes    = 2 << 10 // each way; Go's own take 4 KB, and most requests and answers 1 KB
	idleInAll      = 512     // at least
	idleTimeout    = 4 * time.Second
)

// newTransport builds the transport of all endpoints, or of one that has
// credentials of its own. What it does not set is off: no proxy from the
// environment, no cookies, no compression, no HTTP/2.
func newTransport(o Options, own *Credentials) *http.Transport {
	var one http.Protocols
	one.SetHTTP1(true)
	atOnce := cmp.Or(max(o.Concurrency, 0), defaultConcurrency)
	d := newDialer(o, own)
	t := &http.Transport{
		Proxy:                  nil,
		DialContext:            d.plain,
		DialTLSContext:         d.secure,
		Protocols:              &one,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeaderBytes,
		ReadBufferSize:         bufferBytes,
		WriteBufferSize:        bufferBytes,
		MaxIdleConns:           max(idleInAll, 2*atOnce),
		MaxIdleConnsPerHost:    atOnce,
		IdleConnTimeout:        idleTimeout,
	}
	if o.Proxy != nil {
		t.Proxy = d.absolute
	}
	return t
}
