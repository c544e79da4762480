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
	phaseTLS
	phaseSend
	phaseHeaders
	phaseBody
)

var phaseNames = [...]string{
	"waiting for a connection", "DNS", "connecting", "TLS", "sending the request",
	"waiting for headers", "reading the body",
}

// String names the phase as errors do.
func (p phase) String() string { return phaseNames[p] }

// errDeadline is the cause of a context that our own deadline ended.
var errDeadline = errors.New("the deadline passed")

// trip is one attempt on its way: its deadline, and how far it has come.
type trip struct {
	ctx     context.Context //nolint:containedctx // a trip is one request, and lives as long as it
	parent  context.Context //nolint:containedctx // tells a stopping worker from a passed deadline
	end     context.CancelFunc
	timeout time.Duration
	reached atomic.Int32
}

type tripKey struct{}

// begin starts the clock.
func begin(parent context.Context, timeout time.Duration) *trip {
	t := &trip{parent: parent, timeout: timeout}
	t.ctx, t.end = context.WithTimeoutCause(parent, timeout, errDeadline)
	t.ctx = context.WithValue(t.ctx, tripKey{}, t)
	t.ctx = httptrace.WithClientTrace(t.ctx, &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { t.enter(phaseDNS) },
		ConnectStart: func(string, string) { t.enter(phaseConnect) },
		GotConn:      func(httptrace.GotConnInfo) { t.enter(phaseSend) },
		WroteRequest: func(sent httptrace.WroteRequestInfo) {
			if sent.Err == nil {
				t.enter(phaseHeaders)
			}
		},
	})
	return t
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

func (t *trip) phase() phase { return phase(t.reached.Load()) }

// enterPhase notes a phase of the trip that a context belongs to.
func enterPhase(ctx context.Context, p phase) {
	if t, ok := ctx.Value(tripKey{}).(*trip); ok {
		t.enter(p)
	}
}

// followTrip makes a dial's context end with its trip: the transport hands dials
// a context without its request's deadline.
func followTrip(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	t, ok := ctx.Value(tripKey{}).(*trip)
	if !ok {
		return ctx, cancel
	}
	stop := context.AfterFunc(t.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}
