package delivery

import (
	"net/url"
	"sync"

	"github.com/orderbell/orderbell/internal/outbox"
)

// maxTargets bounds the cache of URLs: more than 10,000 endpoints have.
const maxTargets = 16 << 10

// targets keeps the URLs of endpoints, read. Requests share them, so they are
// never changed.
type targets struct {
	mu     sync.RWMutex
	byText map[string]*url.URL
}

func newTargets() *targets { return &targets{byText: map[string]*url.URL{}} }

// of reads the URL of a claim, and keeps it if it is the endpoint's: a row's own
// is likely to come once.
func (t *targets) of(claim *outbox.Claim) (*url.URL, error) {
	text := claim.URL
	if text != claim.EndpointURL {
		return target(text)
	}
	t.mu.RLock()
	u := t.byText[text]
	t.mu.RUnlock()
	if u != nil {
		return u, nil
	}
	u, err := target(text)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.byText) >= maxTargets {
		clear(t.byText)
	}
	t.byText[text] = u
	return u, nil
}
