package delivery_test

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/outbox"
)

// plainly is what a blocked attempt says: which range or port it is, and which key
// opens it, if any does.
var plainly = regexp.MustCompile(`^blocked by the address policy: (` +
	`\S+ is in \S+/\d+ \(.+\)(; network\.allow can open it|, which is never open)` +
	`|\S+ has a zone, which is never open` +
	`|"\S+" \(tcp[46]?\) is no address, which is never open` + // an IPv4 address with a zone
	`|plain http to the public address \S+; network\.http can open it` +
	`|port \d+ of the public address \S+; network\.ports can open it)$`)

// trips counts what deliveries came to, and complains of what should not be.
type trips struct {
	t  *testing.T
	mu sync.Mutex
	by map[outbox.Outcome]int
}

// nothingSent takes the result of a delivery that may reach nobody.
func (s *trips) nothingSent(route string, r outbox.Result) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[outbox.Outcome]int{}
	}
	s.by[r.Outcome]++
	switch {
	case r.HTTPStatus != 0:
	case r.Outcome == outbox.OutcomeBlocked && plainly.MatchString(r.Error):
		return
	case r.Outcome == outbox.OutcomeUnreachable && r.Error != "" && !strings.HasPrefix(r.Error, "connect: "):
		return
	case r.Outcome == outbox.OutcomeRejected && strings.HasPrefix(r.Error, "nothing was sent: the URL"):
		return
	}
	s.t.Errorf("%s: %+v", route, r)
}

func (s *trips) all() (n int) {
	for v := range maps.Values(s.by) {
		n += v
	}
	return n
}

// inParallel calls do for each of them, eight at once.
func inParallel(urls []string, do func(i int, url string)) {
	var all sync.WaitGroup
	for first := range 8 {
		all.Go(func() {
			for i := first; i < len(urls); i += 8 {
				do(i, urls[i])
			}
		})
	}
	all.Wait()
}

// variant is a claim for a URL: the row's own or the endpoint's, POST or GET.
func variant(i int, url string) *outbox.Claim {
	claim := claimFor(url)
	if i%2 == 1 {
		claim.EndpointURL = url
	}
	if i%3 == 0 {
		claim.Policy.Method, claim.Policy.Format = "GET", "query"
	}
	if i%5 == 0 {
		claim.Headers = map[string]string{"Host": "shop.example", "X-Forwarded-Host": "shop.example", "Forwarded": "host=shop.example"}
	}
	return claim
}

// Thousands of ways to write an address of this machine, as a URL: with nothing
// allowed no connection is ever made. Whatever is a name is loopback here, and is
// asked for on loopback alone.
func TestNoSpellingReachesAForbiddenAddress(t *testing.T) {
	t.Parallel()
	p := newTrap(t)
	b := newBook(t, func(string, int) record { return record{addresses: []string{"127.0.0.1", "::1"}} })
	courier := newCourier(t, func(o *delivery.Options) { o.Guard, o.Resolver = nil, b.resolver() })
	urls, seen := spellings(p.ports), &trips{t: t}
	inParallel(urls, func(i int, url string) { seen.nothingSent(url, courier.Deliver(t.Context(), variant(i, url))) })
	if n := p.visitors(t); n != 0 {
		t.Errorf("%d connections to forbidden addresses", n)
	}
	t.Logf("%d spellings, %d look-ups: %v", seen.all(), b.asked.Load(), seen.by)
	if len(urls) < 5000 || seen.all() != len(urls) || seen.by[outbox.OutcomeBlocked] < 2000 || b.asked.Load() < 500 {
		t.Errorf("of %d spellings: %v; %d look-ups", len(urls), seen.by, b.asked.Load())
	}
}

// The same spellings do arrive where the addresses are allowed: the trap is no dummy.
func TestSpellingsReachAnAllowedAddress(t *testing.T) {
	t.Parallel()
	p := newTrap(t)
	b := newBook(t, func(string, int) record { return record{addresses: []string{"127.0.0.1"}} })
	courier := newCourier(t, func(o *delivery.Options) { o.Guard, o.Resolver = everywhere(), b.resolver() })
	for i, host := range []string{"127.0.0.1", "127.0.0.1", "[::1]", "[::1]", "0.0.0.0"} {
		before := p.visitors(t)
		courier.Deliver(t.Context(), claimFor("http://"+host+p.port(i)+"/"))
		if n := p.visitors(t) - before; n != 1 {
			t.Errorf("%s%s: %d connections", host, p.port(i), n)
		}
	}
	before := p.visitors(t)
	urls := slices.DeleteFunc(spellings(p.ports), leavesThisMachine)
	inParallel(urls, func(i int, url string) { courier.Deliver(t.Context(), variant(i, url)) })
	arrived := p.visitors(t) - before
	t.Logf("%d of %d spellings lead to a listener", arrived, len(urls))
	if arrived < 1000 {
		t.Errorf("only %d of %d spellings lead anywhere", arrived, len(urls))
	}
}

// leavesThisMachine tells of literals that are decided as a loopback address but
// routed elsewhere, where allowed: NAT64 and its kin.
func leavesThisMachine(url string) bool {
	_, literal, ok := strings.Cut(url, "[")
	literal, _, _ = strings.Cut(literal, "]")
	a, err := netip.ParseAddr(literal)
	return ok && err == nil && !a.Unmap().Is4() && !a.IsLoopback() && !a.IsUnspecified()
}

// Names that lead to forbidden addresses, by every kind of answer.
func TestNoNameReachesAForbiddenAddress(t *testing.T) {
	t.Parallel()
	p := newTrap(t)
	const far = "93.184.215.14" // public, and blocked too: for its port, or for plain http
	answers := map[string]func(address string, before int) record{
		"only":    func(a string, _ int) record { return record{addresses: []string{a}} },
		"first":   func(a string, _ int) record { return record{addresses: []string{a, far}} },
		"last":    func(a string, _ int) record { return record{addresses: []string{far, "2606:4700::1111", a}} },
		"many":    func(a string, _ int) record { return record{addresses: slices.Repeat([]string{far, a}, 20)} },
		"alias":   func(a string, _ int) record { return record{alias: "localhost", addresses: []string{a}} },
		"distant": func(a string, _ int) record { return record{alias: "cdn.shop.example", addresses: []string{far, a}} },
		"rebound": func(a string, before int) record { // public at first, and then every other time
			if before%2 == 0 {
				return record{addresses: []string{far}}
			}
			return record{addresses: []string{a}}
		},
	}
	addresses := append(slices.Clone(forbidden), "::ffff:127.0.0.1", "::7f00:1", "::ffff:0:7f00:1", "64:ff9b::7f00:1")
	b := newBook(t, func(name string, before int) record {
		kind, rest, _ := strings.Cut(name, ".")
		number, _, _ := strings.Cut(rest, ".")
		return answers[kind](addresses[int(number[0]-'a')], before)
	})
	courier := newCourier(t, func(o *delivery.Options) { o.Guard, o.Resolver = nil, b.resolver() })
	var urls []string
	for kind := range answers {
		for n := range addresses {
			for _, scheme := range []string{"http", "https"} {
				for i := range p.ports {
					urls = append(urls, scheme+"://"+kind+"."+string(rune('a'+n))+".example"+p.port(i)+"/n")
				}
			}
		}
	}
	seen := &trips{t: t}
	for round := range 3 { // rebound names answer differently
		inParallel(urls, func(i int, url string) {
			seen.nothingSent(url, courier.Deliver(t.Context(), variant(i+round, url)))
		})
	}
	if n := p.visitors(t); n != 0 {
		t.Errorf("%d connections to forbidden addresses", n)
	}
	t.Logf("%d names × 3, %d look-ups: %v", len(urls), b.asked.Load(), seen.by)
	if seen.by[outbox.OutcomeBlocked] != 3*len(urls) {
		t.Errorf("not all of %d were blocked: %v", 3*len(urls), seen.by)
	}
}
