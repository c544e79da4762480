package delivery

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/orderbell/orderbell/internal/delivery/netguard"
	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/secret"
)

const (
	defaultMaxAnswer   = 16 << 10
	defaultTimeout     = 10 * time.Second // where a policy names none
	defaultConcurrency = 64
)

// Options say how a courier works. The zero value is usable: it reaches public
// https alone.
type Options struct {
	// Version is sent as User-Agent: orderbell/VERSION; "dev" by default.
	Version string
	// Guard decides which addresses may be dialled. A nil guard opens public
	// https alone.
	Guard *netguard.Guard
	// Concurrency is how many deliveries are usually under way at once; 64 by
	// default. One host keeps as many idle connections, so that all of them may go
	// to one endpoint; all hosts together keep twice as many, and at least 512.
	Concurrency int
	// MaxAnswer caps an answer's body, in bytes; 16 KB by default.
	MaxAnswer int64
	// Proxy is an egress proxy for all requests; none by default. With one, the
	// guard judges only the targets that are addresses: the proxy must classify the
	// others.
	Proxy *Proxy
	// Credentials are those of endpoints that have their own, by id.
	Credentials map[string]*Credentials
	// Keyring opens the secrets that sign requests; nil where there is no master key.
	Keyring *secret.Keyring
	// RootCAs verifies certificates; the system's pool by default.
	RootCAs *x509.CertPool
	// Resolver looks names up; net.DefaultResolver by default.
	Resolver *net.Resolver
}

// Courier delivers notifications. It may be used by many goroutines.
type Courier struct {
	agent     string
	maxAnswer int64
	transport *http.Transport            // of all endpoints but these:
	apart     map[string]*http.Transport // no connection is shared between credentials
	proxied   bool
	rules     *rulebook
	targets   *targets
	signers   *signers
}

// New makes a courier. Close it when no delivery is under way any more.
func New(o Options) *Courier {
	c := &Courier{
		agent:     "orderbell/" + cmp.Or(o.Version, "dev"),
		maxAnswer: cmp.Or(max(o.MaxAnswer, 0), defaultMaxAnswer),
		transport: newTransport(o, nil),
		apart:     make(map[string]*http.Transport, len(o.Credentials)),
		proxied:   o.Proxy != nil,
		rules:     newRulebook(),
		targets:   newTargets(),
		signers:   newSigners(o.Keyring),
	}
	for endpoint, own := range o.Credentials {
		c.apart[endpoint] = newTransport(o, own)
	}
	return c
}

// Close closes idle connections. Deliveries under way are not disturbed.
func (c *Courier) Close() {
	c.transport.CloseIdleConnections()
	for _, t := range c.apart {
		t.CloseIdleConnections()
	}
}

// transportOf is the endpoint's own transport, or that of all.
func (c *Courier) transportOf(endpoint string) *http.Transport {
	if t, ok := c.apart[endpoint]; ok {
		return t
	}
	return c.transport
}

// Check reads a policy: its rules, its method and its format. An error says, in
// one line, why nothing can be sent under it, so that its rows are parked.
// Rules are compiled once per text.
func (c *Courier) Check(p *outbox.Policy) error {
	_, err := c.ready(p)
	return err
}

// ready returns the rules of a policy under which something can be sent.
func (c *Courier) ready(p *outbox.Policy) (rules, error) {
	if p == nil {
		return rules{}, errors.New("the policy is missing")
	}
	if p.Method != outbox.MethodPost && p.Method != outbox.MethodGet {
		return rules{}, fmt.Errorf("method %q is neither POST nor GET", p.Method)
	}
	switch p.Format {
	case outbox.FormatBody, outbox.FormatForm, outbox.FormatQuery:
	default:
		return rules{}, fmt.Errorf("format %q is none of body, form, query", p.Format)
	}
	if _, err := schemeOf("", p); err != nil {
		return rules{}, err
	}
	return c.rules.of(p)
}

// Deliver makes one attempt. It returns within the policy's timeout, always with
// an outcome, and never panics. When ctx is cancelled first, the outcome is
// interrupted.
func (c *Courier) Deliver(ctx context.Context, claim *outbox.Claim) outbox.Result {
	return c.deliver(ctx, claim, nil)
}

// deliver makes one attempt. What a probe wants beyond that is in x, else nil.
func (c *Courier) deliver(ctx context.Context, claim *outbox.Claim, x *exchange) (result outbox.Result) {
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			result = failedHere(p)
		}
		result.Elapsed = time.Since(start)
	}()
	var heard heard
	if result = c.ask(ctx, claim, 0, x, &heard); heard.whole {
		return heard.result(claim, heard.answer)
	}
	return result
}

// failedHere is the result of a panic. Connected: it is not for want of a network.
func failedHere(p any) outbox.Result {
	return outbox.Result{Outcome: outbox.OutcomeUnreachable, Connected: true, Error: clip(fmt.Sprintf("the courier failed: %v", p))}
}

// heard is an answer that can be judged, and the rules to judge it by.
type heard struct {
	whole bool // one came
	rules
	answer
}

// result judges what an answer, or a part of it, means for a claim.
func (h *heard) result(claim *outbox.Claim, a answer) outbox.Result {
	r := h.judge(a)
	if claim.Alone && a.unproven == "" {
		r.Answer = a.body
	}
	return r
}

// ask sends a claim, or a batch of this many in its body, and reads the answer. Where none
// came that can be judged, the result says why.
func (c *Courier) ask(ctx context.Context, claim *outbox.Claim, batch int, x *exchange, h *heard) outbox.Result {
	rules, err := c.ready(claim.Policy)
	if err != nil {
		return outbox.Result{Outcome: outbox.OutcomeInterrupted, Error: clip(fmt.Sprintf("nothing was sent: %v", err))}
	}
	trip := begin(ctx, timeoutOf(claim.Policy))
	defer trip.end()
	request, by, err := c.request(trip.traced(), claim, batch, x)
	var unsigned *unsignedError
	if errors.As(err, &unsigned) {
		return outbox.Result{Outcome: outbox.OutcomeInterrupted, Parked: true, Error: clip(fmt.Sprintf("nothing was sent, %v", err))}
	}
	if err != nil {
		return outbox.Result{Outcome: outbox.OutcomeRejected, Error: clip(fmt.Sprintf("nothing was sent: %v", err))}
	}
	trip.proxied, trip.tunnel = c.proxied, request.URL.Scheme == "https"
	response, err := c.transportOf(claim.Endpoint).RoundTrip(request)
	x.sent(trip, err)
	if err != nil {
		return trip.failed(err, answer{})
	}
	trip.enter(phaseBody)
	answer, err := read(response, c.maxAnswer)
	if err == nil && by != nil {
		by.verify(claim, &answer)
	}
	x.came(answer)
	if err != nil {
		return trip.failed(err, answer)
	}
	if trip.proxied && !trip.tunnel && answer.fromProxy() {
		return unsent("the egress proxy answered " + clip(response.Status))
	}
	*h = heard{true, rules, answer}
	return outbox.Result{}
}

// timeoutOf bounds an attempt.
func timeoutOf(p *outbox.Policy) time.Duration {
	return cmp.Or(max(p.Timeout, 0), defaultTimeout)
}
