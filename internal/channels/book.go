package channels

import "sync"

// NotExist is the state of a trade that the channel does not know yet.
const NotExist = ""

// book is what a channel knows of trades.
type book struct {
	mu      sync.Mutex
	trades  map[string]*trade
	refused int
}

type trade struct {
	scripted  bool
	states    []string // that come, the last one for ever
	questions int
}

func (b *book) of(number string) *trade {
	if b.trades == nil {
		b.trades = map[string]*trade{}
	}
	t := b.trades[number]
	if t == nil {
		t = &trade{}
		b.trades[number] = t
	}
	return t
}

// Script says which states a trade is in, one for each question from now on; it stays in
// the last. The trade "" stands for all that have no script of their own.
func (b *book) Script(outTradeNo string, states ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.of(outTradeNo)
	t.scripted, t.states = true, states
}

// Questions is how often a trade was asked about with a good signature.
func (b *book) Questions(outTradeNo string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.trades[outTradeNo]; t != nil {
		return t.questions
	}
	return 0
}

// Refused is how many requests were refused, for their signature or anything else.
func (b *book) Refused() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused
}

func (b *book) refuse() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused++
}

// ask counts a question and returns the state that it finds.
func (b *book) ask(number string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.of(number)
	t.questions++
	if !t.scripted {
		t.states = b.of("").states // each trade goes through it by itself
		t.scripted = len(t.states) > 0
	}
	if len(t.states) == 0 {
		return NotExist
	}
	state := t.states[0]
	if len(t.states) > 1 {
		t.states = t.states[1:]
	}
	return state
}
