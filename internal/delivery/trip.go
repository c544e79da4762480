package delivery

import (
	"context"
	"errors"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// phase is how far an attempt has come.
type phase int32

const (
	phaseConnection phase = iota
	phaseDNS
	phaseConnect
	phaseProxy
	phaseTLS
	phaseSend
	phaseHeaders
	phaseBody
)

var phaseNames = [...]string{
	"waiting for a connection", "DNS", "connecting", "waiting for the egress proxy", "TLS", "sending the request",
	"waiting for headers", "reading the body",
}

// String names the phase as errors do.
func (p phase) String() string { return phaseNames[p] }

// errDeadline is the cause of a context that our own deadline ended.
var errDeadline = errors.New("the deadline passed")

// trip is one attempt on its way: the context with its deadline, and how far it
// has come. Dials find their trip in it.
type trip struct {
	context.Context //nolint:containedctx // a trip is one request, and lives as long as it

	parent  context.Context //nolint:containedctx // tells a stopping worker from a passed deadline
	end     context.CancelFunc
	timeout time.Duration
	proxied bool // an egress proxy is in between
	tunnel  bool // and a connection through it is to the endpoint
	reached atomic.Int32
	trace   httptrace.ClientTrace
	wire    *wire // that the request went over, and its number there
	request int32
}

type tripKey struct{}

// begin starts the clock.
func begin(parent context.Context, timeout time.Duration) *trip {
	t := &trip{parent: parent, timeout: timeout}
	t.Context, t.end = context.WithTimeoutCause(parent, timeout, errDeadline)
	t.trace.GotConn = t.gotConnection
	t.trace.PutIdleConn = t.rested
	t.trace.WroteRequest = t.wroteRequest
	return t
}

// traced is the context of the trip's request. What only a dial can tell is not
// traced here: most requests find a connection.
func (t *trip) traced() context.Context { return httptrace.WithClientTrace(t, &t.trace) }

// Value returns the trip itself to its dial.
func (t *trip) Value(key any) any {
	if _, ok := key.(tripKey); ok {
		return t
	}
	return t.Context.Value(key)
}

func (t *trip) gotConnection(got httptrace.GotConnInfo) {
	t.enter(phaseSend)
	if w, ok := got.Conn.(*wire); ok {
		t.wire, t.request = w, w.ask()
	}
}

// rested is called when the answer was read and the connection is kept.
func (t *trip) rested(error) {
	if t.wire != nil {
		t.wire.rest(t.request)
	}
}

func (t *trip) wroteRequest(sent httptrace.WroteRequestInfo) {
	if sent.Err == nil {
		t.enter(phaseHeaders)
	}
}

// enter notes a phase. Phases come from several goroutines, and late ones do not
// go back: two addresses may be dialled at once.
func (t *trip) enter(p phase) {
	for {
		was := t.reached.Load()
		if was >= int32(p) || t.reached.CompareAndSwap(was, int32(p)) {
			return
		}
	}
}

// connected tells whether a connection to the endpoint was there. Over plain http
// through a proxy, only an answer tells.
func (t *trip) connected() bool {
	return t.phase() >= phaseTLS && (!t.proxied || t.tunnel)
}

func (t *trip) phase() phase { return phase(t.reached.Load()) }
