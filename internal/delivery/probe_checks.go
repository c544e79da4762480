package delivery

import (
	"context"
	"fmt"

	"github.com/orderbell/orderbell/internal/delivery/sign"
	"github.com/orderbell/orderbell/internal/outbox"
)

// acknowledge checks that a good request is acknowledged, and in time.
func (p *probe) acknowledge(t *trial) {
	c := t.check("acknowledge", p.request()+"; wanted: "+p.wanted())
	allowed := timeoutOf(p.policy)
	if p.verifies && t.answered() && !t.acknowledged() {
		p.channel(c, t)
		return
	}
	switch {
	case t.acknowledged() && t.Elapsed > allowed/2:
		p.add(c, Warned, fmt.Sprintf("it was acknowledged, after more than half of the time allowed (%s)", allowed),
			"answer before any slow work: a busy hour makes it too late")
	case t.acknowledged():
		p.add(c, Passed, fmt.Sprintf("a good request is acknowledged in time (%s are allowed)", allowed), "")
	case t.Outcome == outbox.OutcomeTimeout:
		p.add(c, Failed, t.Error, "answer before any slow work, and send the whole answer")
	case t.Outcome == outbox.OutcomeRejected:
		p.add(c, Failed, t.Error, "this answer ends a notification for good; acknowledge a probe like any genuine request")
	case t.answered():
		p.add(c, Failed, t.Error, "acknowledge a probe whose signature is good exactly like a notification that was seen before, and change no order")
	default:
		p.add(c, Failed, t.Error, "answer with whole HTTP/1.1: a status line, headers, and the body that they announce")
	}
}

// channel tells what a payment channel answered to a question about nothing.
func (p *probe) channel(c Check, t *trial) {
	if why := t.answer.unproven; why != "" {
		p.add(c, Warned, t.Error, "channels leave some of their errors unsigned: compare the URL, the account, the secret and the answer_key with what the channel gave")
		return
	}
	p.add(c, Passed, "it answers, and its signature is verified; a question about no trade cannot be acknowledged", "")
}

// forgeries checks that what nobody signed is not believed.
func (p *probe) forgeries(ctx context.Context, first *trial) {
	type forgery struct {
		name, what string
		forge      func(*sign.Signed) error
	}
	all := []forgery{{"forged", "with a wrong signature", p.forger.wrong}}
	if p.scheme == "wechatpay-v3" {
		all = append(all, forgery{"signtest", "with a signature that begins with " + signTest + ", as WeChat Pay's own tests do", p.forger.tested})
	}
	all = append(all, forgery{"unsigned", "without a signature", p.forger.unsigned})
	for _, f := range all {
		if why := p.needless(ctx, first); why != "" {
			p.skip(f.name, why)
			continue
		}
		t := p.send(ctx, p.claim(), f.forge)
		p.refused(t, first, t.check(f.name, "the same with a new id, "+f.what+"; wanted: any answer that does not acknowledge, such as status 401"), refusal{
			passed: "a request " + f.what + " is not acknowledged",
			failed: "a request " + f.what + " is acknowledged: anybody could say that an order was paid",
			mend:   "verify the signature before anything else, probes too, and answer with status 401 if there is none that fits",
			taken:  Failed,
		})
	}
}

// needless says why a forged request would teach nothing.
func (p *probe) needless(ctx context.Context, first *trial) string {
	switch {
	case p.scheme == "none":
		return "requests to this endpoint are not signed"
	case p.verifies:
		return "a payment channel is not sent forged requests"
	case ctx.Err() != nil:
		return "the probe was stopped"
	case !first.answered():
		return "a good request got no whole answer"
	}
	return ""
}

// refusal is how a request that must not be acknowledged is told of.
type refusal struct {
	passed, failed, mend string
	taken                Finding // where it was acknowledged
}

func (p *probe) refused(t, first *trial, c Check, r refusal) {
	switch {
	case t.notSent():
		p.report.Aside = append(p.report.Aside, t.Error)
		p.add(Check{Name: c.Name}, Skipped, "nothing was sent, because of a fault on the sender's side", "")
	case t.acknowledged():
		p.add(c, r.taken, r.failed, r.mend)
	case !t.answered():
		p.add(c, Warned, "no whole answer came, so it cannot be told: "+t.Error, "refuse at once, with status 401")
	case !first.acknowledged():
		p.add(c, Skipped, "it was not acknowledged, but a good request was not either: this proves nothing", "")
	default:
		p.add(c, Passed, r.passed, "")
	}
}

// stale checks that a recorded request is worth nothing later.
func (p *probe) stale(ctx context.Context, first *trial) {
	const name = "stale"
	taken := Failed
	switch p.scheme {
	case "none", "standard-webhooks":
	case "wechatpay-v3":
		taken = Warned // its SDKs refuse them; its documents ask nobody to
	default:
		p.skip(name, p.scheme+" has no rule about the age of requests")
		return
	}
	if why := p.needless(ctx, first); why != "" {
		p.skip(name, why)
		return
	}
	claim := p.claim()
	claim.At = claim.At.Add(-staleAge)
	t := p.send(ctx, claim, nil)
	p.refused(t, first, t.check(name, fmt.Sprintf("the same with a new id, well signed %.0f minutes ago; wanted: any answer that does not acknowledge", staleAge.Minutes())), refusal{
		passed: "an old request is not acknowledged",
		failed: "a request of 10 minutes ago is acknowledged: who has recorded one can send it again",
		mend:   "refuse timestamps that are more than 5 minutes from your clock, and keep the clock right",
		taken:  taken,
	})
}

// repeat checks that what was seen before is acknowledged again.
func (p *probe) repeat(ctx context.Context, first *trial, good *outbox.Claim) {
	const name = "repeat"
	switch {
	case ctx.Err() != nil:
		p.skip(name, "the probe was stopped")
		return
	case !first.acknowledged():
		p.skip(name, "the first request was not acknowledged")
		return
	}
	again := *good
	again.Attempt, again.At = 2, p.time()
	t := p.send(ctx, &again, nil)
	c := t.check(name, "the first request again, with its id and as attempt 2; wanted: "+p.wanted())
	switch {
	case t.notSent():
		p.report.Aside = append(p.report.Aside, t.Error)
		p.add(Check{Name: name}, Skipped, "nothing was sent, because of a fault on the sender's side", "")
	case t.acknowledged():
		p.add(c, Passed, "the same id is acknowledged again; whether its work is done only once cannot be seen from here", "")
	default:
		p.add(c, Failed, "the same id is not acknowledged the second time: "+t.Error,
			"keep the ids that you have handled; acknowledge one that comes again, and do nothing")
	}
}
