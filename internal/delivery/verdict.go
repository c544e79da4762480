package delivery

import (
	"cmp"
	"fmt"
	"net/url"

	"github.com/orderbell/orderbell/internal/delivery/acknowledge"
	"github.com/orderbell/orderbell/internal/outbox"
)

const unprovenBytes = 160 // of an answer in the error about its signature

// judge says what a whole answer came to.
func (r rules) judge(a answer) outbox.Result {
	result := a.result()
	if a.truncated {
		result.Outcome = outbox.OutcomeAnswered
		result.Error = fmt.Sprintf("status %d with a body over the size cap of %d bytes, which never counts", a.status, len(a.body))
		return result
	}
	if a.unproven != "" {
		result.Outcome = outbox.OutcomeAnswered
		result.Error = clip(fmt.Sprintf("the answer's signature %s: status %d with %s", a.unproven, a.status, quoted(excerpt(a.body, unprovenBytes))))
		return result
	}
	seen := acknowledge.Answer{Status: a.status, Header: a.header, Body: cmp.Or(a.proven, a.body)}
	if r.reject != nil {
		if yes, err := r.reject.True(seen); yes && err == nil {
			result.Outcome = outbox.OutcomeRejected
			result.Error = clip(fmt.Sprintf("status %d: the policy's reject rule is true: %s", a.status, r.reject))
			return result
		}
	}
	if yes, err := r.acknowledge.True(seen); yes && err == nil {
		result.Outcome = outbox.OutcomeAcknowledged
		return result
	}
	result.Outcome = outbox.OutcomeAnswered
	result.Error = line(r.acknowledge.Explain(seen)) + a.redirect()
	return result
}

// redirect explains a redirect, without the query and user info of where to.
func (a answer) redirect() string {
	to := a.header.Get("Location")
	if a.status < 300 || a.status > 399 || to == "" {
		return ""
	}
	u, err := url.Parse(to)
	if err != nil {
		return "; redirects are not followed"
	}
	return clip(fmt.Sprintf("; redirects are not followed (to %s)", bare(u)))
}

// bare is a URL without what may be secret in it.
func bare(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
