package worker

import (
	"context"
	"log/slog"
	"maps"
	"net/textproto"
	"slices"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	// fresh is how old endpoints and policies may be before they are read again,
	// after a claim: rows that are due need not wait for it.
	fresh = time.Second
	// stale is how old they may be for a claim: a change works within it.
	stale = 2 * time.Second
	// toldWithin spaces what a worker writes of an endpoint that another can send to.
	toldWithin = time.Minute
)

// directory knows the endpoints of the lanes that are being served, and all
// policies. A policy whose rules do not compile is written down as such, for
// people to read, and its rows are left alone: parked.
type directory struct {
	register Register
	courier  Courier
	log      *slog.Logger

	policies   map[string]*outbox.Policy // those that work
	policiesAt time.Time
	longest    time.Duration // of their timeouts
	mend       bool          // a policy works again
	awaits     bool          // an action waits for its function, of which nobody tells
	endpoints  map[string]*entry
	looked     string               // the last one of the parked endpoints that was looked at again
	told       map[string]time.Time // when the fault of an endpoint was written down
}

type entry struct {
	endpoint   *outbox.Endpoint // nil: there is none of this id
	unsendable bool             // its requests cannot be signed
	at         time.Time
}

func newDirectory(register Register, courier Courier, log *slog.Logger) *directory {
	return &directory{register: register, courier: courier, log: log, endpoints: make(map[string]*entry), told: make(map[string]time.Time)}
}

// refresh reads what is older than that: policies, and these endpoints.
func (d *directory) refresh(ctx context.Context, endpoints []string, age time.Duration) error {
	if err := d.refreshPolicies(ctx, age); err != nil {
		return err
	}
	now := time.Now()
	var old []string
	for _, id := range endpoints {
		if e := d.endpoints[id]; e == nil || now.Sub(e.at) >= age {
			old = append(old, id)
		}
	}
	if len(old) == 0 {
		return nil
	}
	found, err := d.register.Endpoints(ctx, old)
	if err != nil {
		return err
	}
	for _, id := range old {
		d.endpoints[id] = &entry{at: now}
	}
	for _, endpoint := range found {
		d.endpoints[endpoint.ID].endpoint = endpoint
		if err := d.check(ctx, endpoint); err != nil {
			return err
		}
	}
	d.forget(now)
	return nil
}

// endpointsOf are the endpoints of what has one, for refresh.
func endpointsOf[T any](all []T, of func(T) string) []string {
	ids := make([]string, len(all))
	for i, one := range all {
		ids[i] = of(one)
	}
	return ids
}

// check finds out whether an endpoint's requests can be signed, and writes down where that
// has changed. Workers may differ in this, by their master keys: the one that cannot tells
// so once, and does not tell again for a while what another has taken back.
func (d *directory) check(ctx context.Context, e *outbox.Endpoint) error {
	policy := d.policies[e.Policy]
	if policy == nil {
		return nil
	}
	fault := e.ActionFault
	if e.Action == "" && fault == "" {
		if err := d.courier.CheckEndpoint(e, policy); err != nil {
			fault = err.Error()
		}
	}
	d.endpoints[e.ID].unsendable = fault != ""
	if e.Fault == fault || fault != "" && time.Since(d.told[e.ID]) < toldWithin {
		return nil
	}
	if err := d.register.SetEndpointFault(ctx, e.ID, fault); err != nil {
		return err
	}
	if fault == "" {
		delete(d.told, e.ID)
		d.mend = true
		d.log.Info("rows of an endpoint go on", keyEndpoint, e.ID)
		return nil
	}
	d.told[e.ID] = time.Now()
	d.log.Warn("rows of an endpoint are parked", keyEndpoint, e.ID, keyError, fault)
	return nil
}

// refreshParked looks again at what is parked, of which no look tells.
func (d *directory) refreshParked(ctx context.Context) error {
	if err := d.refreshPolicies(ctx, stale); err != nil {
		return err
	}
	// Some at a time, each in its turn: those that stay parked must not hide the others.
	ids, err := d.register.FaultyEndpoints(ctx, d.looked)
	if err != nil {
		return err
	}
	d.looked = ""
	if len(ids) > 0 {
		d.looked = ids[len(ids)-1]
	}
	if err := d.refresh(ctx, ids, stale); err != nil {
		return err
	}
	d.awaits = slices.ContainsFunc(ids, func(id string) bool {
		e := d.endpoints[id]
		return e != nil && e.endpoint != nil && e.endpoint.ActionFault != ""
	})
	return nil
}

// forget drops what nobody has asked for lately, so that memory follows the lanes
// that are served and not every merchant there is.
func (d *directory) forget(now time.Time) {
	if len(d.endpoints) > 16*claimLanes {
		maps.DeleteFunc(d.endpoints, func(_ string, e *entry) bool { return now.Sub(e.at) >= stale })
	}
}

func (d *directory) refreshPolicies(ctx context.Context, age time.Duration) error {
	now := time.Now()
	if now.Sub(d.policiesAt) < age {
		return nil
	}
	all, err := d.register.Policies(ctx)
	if err != nil {
		return err
	}
	working, longest := make(map[string]*outbox.Policy, len(all)), time.Duration(0)
	for _, policy := range all {
		fault := ""
		if err := d.courier.Check(policy); err != nil {
			fault = err.Error()
		} else {
			working[policy.Name] = policy
			longest = max(longest, policy.Timeout)
		}
		if err := d.tell(ctx, policy, fault); err != nil {
			return err
		}
	}
	d.policies, d.policiesAt, d.longest = working, now, longest
	return nil
}

// tell writes down that a policy has become unusable, or usable again.
func (d *directory) tell(ctx context.Context, policy *outbox.Policy, fault string) error {
	if policy.Fault == fault {
		return nil
	}
	if err := d.register.SetFault(ctx, policy, fault); err != nil {
		return err
	}
	if fault != "" {
		d.log.Warn("rows of a policy are parked", keyPolicy, policy.Name, keyError, fault)
	} else {
		d.mend = true
		d.log.Info("rows of a policy go on", keyPolicy, policy.Name)
	}
	return nil
}

// endpoint is what is known of an endpoint, nil where there is none of this id to which
// anything can be sent, and when it was read.
func (d *directory) endpoint(id string) (*outbox.Endpoint, time.Time) {
	e := d.endpoints[id]
	if e == nil || e.unsendable {
		return nil, time.Time{}
	}
	return e.endpoint, e.at
}

// expire has an endpoint read again before it is used.
func (d *directory) expire(id string) { delete(d.endpoints, id) }

// expireAll has everything read again before it is used: something has changed.
func (d *directory) expireAll() {
	clear(d.endpoints)
	d.policiesAt = time.Time{}
}

// works tells whether a policy can be used.
func (d *directory) works(policy string) bool { return d.policies[policy] != nil }

// longestTimeout is the longest time that an attempt may take.
func (d *directory) longestTimeout() time.Duration { return d.longest }

// mended tells, once, that a policy works again that did not.
func (d *directory) mended() bool {
	was := d.mend
	d.mend = false
	return was
}

// working are the names of the policies that can be used.
func (d *directory) working() []string { return slices.Collect(maps.Keys(d.policies)) }

// signing are the names of those that sign. It is not nil where there are none.
func (d *directory) signing() []string {
	names := []string{}
	for name, policy := range d.policies {
		if policy.Signature != "" && policy.Signature != outbox.SignatureNone {
			names = append(names, name)
		}
	}
	return names
}

// policyOf is the policy that rules a claim, or nil where it is missing or broken.
func (d *directory) policyOf(claim *outbox.Claim) *outbox.Policy {
	if claim.PolicyName != "" {
		return d.policies[claim.PolicyName]
	}
	if e := d.endpoints[claim.Endpoint]; e != nil && e.endpoint != nil {
		return d.policies[e.endpoint.Policy]
	}
	return nil
}

// resolve gives a claim its policy, and returns its endpoint.
func (d *directory) resolve(claim *outbox.Claim) *outbox.Endpoint {
	claim.Policy = d.policyOf(claim)
	return d.endpoints[claim.Endpoint].endpoint
}

// address adds to a claim, once it is known what to send, what its endpoint says.
func address(claim *outbox.Claim, endpoint *outbox.Endpoint) {
	if claim.URL == "" {
		claim.URL, claim.EndpointURL = endpoint.URL, endpoint.URL
	}
	claim.Signature, claim.Secrets, claim.AnswerKey = endpoint.Signature, endpoint.Secrets, endpoint.AnswerKey
	if len(endpoint.Headers) == 0 {
		return
	}
	// By their canonical names: the row's x-shop takes the place of X-Shop.
	headers := make(map[string]string, len(endpoint.Headers)+len(claim.Headers))
	for _, given := range []map[string]string{endpoint.Headers, claim.Headers} {
		for name, value := range given {
			headers[textproto.CanonicalMIMEHeaderKey(name)] = value
		}
	}
	claim.Headers = headers
}
