package delivery

import (
	"net/url"
	"slices"
	"strings"

	"github.com/orderbell/orderbell/internal/outbox"
)

// private are the parts of a request that a report must not show, should an answer repeat
// them: the endpoint's headers, and the query and user info of its URL. The longest come
// first, so that one within another is no obstacle.
type private []string

const (
	minPrivate = 6 // bytes: shorter values are words of everyday answers
	hidden     = "[hidden]"
)

func privateOf(e *outbox.Endpoint) private {
	var p private
	for _, value := range e.Headers {
		p = append(p, value)
		if _, credentials, ok := strings.Cut(value, " "); ok { // Bearer, Basic
			p = append(p, credentials)
		}
	}
	if u, err := url.Parse(e.URL); err == nil {
		password, _ := u.User.Password()
		p = append(p, u.RawQuery, u.User.Username(), password)
		for _, values := range u.Query() {
			p = append(p, values...)
		}
	}
	p = slices.DeleteFunc(p, func(s string) bool { return len(s) < minPrivate })
	slices.SortFunc(p, func(a, b string) int { return len(b) - len(a) })
	return p
}

func (p private) hide(text string) string {
	for _, s := range p {
		text = strings.ReplaceAll(text, s, hidden)
	}
	return text
}

// told is a result that a report may show. An answer that repeats what is private is
// explained anew without it; what it came to stays.
func (p private) told(r outbox.Result, x *exchange, by rules) outbox.Result {
	if clean := p.hide(x.answer.body); clean != x.answer.body {
		shown := x.answer
		shown.body, shown.proven = clean, p.hide(shown.proven)
		other := by.judge(shown)
		r.Excerpt = other.Excerpt
		if r.Outcome == other.Outcome {
			r.Error = other.Error
		}
	}
	r.Error = p.hide(r.Error)
	return r
}
