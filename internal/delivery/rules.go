package delivery

import (
	"fmt"
	"sync"

	"github.com/orderbell/orderbell/internal/delivery/acknowledge"
	"github.com/orderbell/orderbell/internal/outbox"
)

// maxRules bounds the cache: texts that operators have replaced stay in it.
const maxRules = 1000

// rules are the compiled rules of one policy; reject is nil where it has none.
type rules struct {
	acknowledge, reject *acknowledge.Rule
}

type compiled struct {
	rule *acknowledge.Rule
	err  error
}

// rulebook keeps rules by their text, compiled or refused.
type rulebook struct {
	mu     sync.Mutex
	byText map[string]compiled
}

func newRulebook() *rulebook { return &rulebook{byText: map[string]compiled{}} }

func (b *rulebook) of(p *outbox.Policy) (rules, error) {
	var r rules
	var err error
	if r.acknowledge, err = b.compile(p.Acknowledge); err != nil {
		return rules{}, fmt.Errorf("acknowledge: %w", err)
	}
	if p.Reject == "" {
		return r, nil
	}
	if r.reject, err = b.compile(p.Reject); err != nil {
		return rules{}, fmt.Errorf("reject: %w", err)
	}
	return r, nil
}

func (b *rulebook) compile(text string) (*acknowledge.Rule, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.byText[text]
	if !ok {
		if len(b.byText) >= maxRules {
			clear(b.byText)
		}
		c.rule, c.err = acknowledge.Compile(text)
		b.byText[text] = c
	}
	return c.rule, c.err
}
