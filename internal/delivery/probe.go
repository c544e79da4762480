package delivery

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"time"

	"github.com/orderbell/orderbell/internal/delivery/sign"
	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	probeEvent = "orderbell.probe"
	probeBody  = `{"orderbell_probe":"1"}` // an object, for every format
	staleAge   = 10 * time.Minute          // twice what Standard Webhooks and WeChat Pay's SDKs tolerate
)

// probe is a probe under way.
type probe struct {
	courier  *Courier
	endpoint *outbox.Endpoint
	policy   *outbox.Policy
	scheme   string
	verifies bool // it signs its answers: a channel that is asked
	forger   forger
	rules    rules
	private  private
	now      time.Time // the database's, when the probe began
	began    time.Time // ours
	report   Report
}

// trial is one request of a probe and what came of it.
type trial struct {
	outbox.Result
	exchange
}

// Probe tests how an endpoint treats requests, with up to six of them, one after the
// other: in the way of every attempt, but about no order, each marked by the header
// Orderbell-Probe. Now is the database's time. It takes six timeouts of the policy at
// the most; a limit, a pause or a breaker of the endpoint does not hold it up. When ctx
// ends, the rest is skipped.
func (c *Courier) Probe(ctx context.Context, endpoint *outbox.Endpoint, policy *outbox.Policy, now time.Time) Report {
	p := &probe{
		courier: c, endpoint: endpoint, policy: policy, private: privateOf(endpoint), now: now, began: time.Now(),
		report: Report{Endpoint: endpoint.ID, URL: openURL(endpoint.URL), At: now, Program: c.agent},
	}
	if err := p.prepare(); err != nil {
		p.ours(Check{Name: "reach"}, err.Error())
	} else {
		p.run(ctx)
	}
	p.report.Passed = len(p.report.Failures()) == 0
	return p.report
}

// prepare reads what every request needs.
func (p *probe) prepare() error {
	var err error
	if p.rules, err = p.courier.ready(p.policy); err != nil {
		return err
	}
	p.report.Policy = p.policy.Name
	scheme, err := schemeOf(p.endpoint.Signature, p.policy)
	if err != nil {
		return err
	}
	p.scheme, p.verifies = scheme.String(), scheme.Verifies()
	p.forger, p.report.Signature = forger{p.scheme}, p.scheme
	return p.courier.CheckEndpoint(p.endpoint, p.policy)
}

// run makes the checks, as far as it makes sense to.
func (p *probe) run(ctx context.Context) {
	good := p.claim()
	first := p.send(ctx, good, nil)
	if !p.reach(first) {
		return
	}
	p.acknowledge(first)
	p.forgeries(ctx, first)
	p.stale(ctx, first)
	p.repeat(ctx, first, good)
}

// claim is a request about nothing, with an id of its own.
func (p *probe) claim() *outbox.Claim {
	e := p.endpoint
	return &outbox.Claim{
		ID: freshID(p.time()), Attempt: 1, Endpoint: e.ID, Event: probeEvent, URL: e.URL, EndpointURL: e.URL,
		Body: probeBody, Headers: e.Headers, Signature: e.Signature, Secrets: e.Secrets, Policy: p.policy,
		AnswerKey: e.AnswerKey, At: p.time(), Probe: true,
	}
}

// time is the database's now.
func (p *probe) time() time.Time { return p.now.Add(time.Since(p.began)) }

// freshID is a UUIDv7, as PostgreSQL makes them for notifications.
func freshID(at time.Time) outbox.ID {
	var id outbox.ID
	_, _ = rand.Read(id[:]) // Go ends the program where there is no randomness
	for i, ms := 5, at.UnixMilli(); i >= 0; i, ms = i-1, ms>>8 {
		id[i] = byte(ms)
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// send makes one request.
func (p *probe) send(ctx context.Context, claim *outbox.Claim, forge func(*sign.Signed) error) *trial {
	t := &trial{exchange: exchange{forge: forge}}
	if p.endpoint.BatchSize > 1 && batchable(claim) {
		t.Result = p.courier.deliverBatch(ctx, batches([]*outbox.Claim{claim})[0], &t.exchange)[0]
	} else {
		t.Result = p.courier.deliver(ctx, claim, &t.exchange)
	}
	t.Result = p.private.told(t.Result, &t.exchange, p.rules)
	return t
}

// answered tells that a whole answer came, whatever it says.
func (t *trial) answered() bool {
	return t.HTTPStatus != 0 && (t.Outcome == outbox.OutcomeAcknowledged || t.Outcome == outbox.OutcomeAnswered || t.Outcome == outbox.OutcomeRejected)
}

func (t *trial) acknowledged() bool { return t.Outcome == outbox.OutcomeAcknowledged }

// notSent tells that a fault on our side kept the request from being sent.
func (t *trial) notSent() bool {
	return t.Outcome == outbox.OutcomeInterrupted || t.Outcome == outbox.OutcomeRejected && t.HTTPStatus == 0
}

const mostShown = 200 // bytes of an answer in a report

// check begins a check with what was asked and what came back.
func (t *trial) check(name, asked string) Check {
	shown := t.Excerpt
	if len(shown) > mostShown {
		shown = excerpt(shown, mostShown) + "…"
	}
	return Check{
		Name: name, Asked: asked, HTTPStatus: t.HTTPStatus, Excerpt: shown,
		DurationMs: float64(t.Elapsed.Round(10*time.Microsecond)) / float64(time.Millisecond),
	}
}

func (p *probe) add(c Check, finding Finding, says, mend string) {
	c.Finding, c.Says, c.Mend = finding, says, mend
	p.report.Checks = append(p.report.Checks, c)
}

// skip is a check without a request.
func (p *probe) skip(name, why string) { p.add(Check{Name: name}, Skipped, why, "") }

// ours is a fault on our side. What it is, is for the sender alone: it may tell of
// addresses and keys.
func (p *probe) ours(c Check, fault string) {
	p.report.Aside = append(p.report.Aside, p.private.hide(fault))
	p.add(Check{Name: c.Name}, Failed, "nothing was sent, because of a fault on the sender's side", "this is for the sender to mend")
}

// request says what is sent, as far as the merchant needs to know.
func (p *probe) request() string {
	text := fmt.Sprintf("%s, format %s", p.policy.Method, p.policy.Format)
	if p.endpoint.BatchSize > 1 && p.policy.Method == outbox.MethodPost && p.policy.Format == outbox.FormatBody {
		text += ", as a batch of one"
	}
	if p.scheme != "none" {
		text += ", signed with " + p.scheme
	}
	return text
}

// wanted is the rule that the policy has.
func (p *probe) wanted() string {
	return fmt.Sprintf("%s, within %s", line(p.policy.Acknowledge), timeoutOf(p.policy))
}

// openURL is a URL without query and user info.
func openURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(a URL that cannot be read)"
	}
	return cmp.Or(bare(u), "(no URL)")
}
