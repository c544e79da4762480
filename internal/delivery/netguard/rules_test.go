package netguard_test

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"

	"github.com/orderbell/orderbell/internal/delivery/netguard"
)

// agrees holds a guard against the oracle, on both schemes and several ports.
func agrees(t *testing.T, g *netguard.Guard, a netip.Addr, want answer) {
	t.Helper()
	for _, c := range []struct {
		scheme string
		port   uint16
		public bool
	}{{"https", 443, true}, {"https", 8443, true}, {"https", 444, false}, {"https", 0, false}, {"http", 443, false}, {"http", 80, false}, {"http", 65535, false}} {
		err := g.Decide(c.scheme, netip.AddrPortFrom(a, c.port))
		var b *netguard.Blocked
		if err != nil && !errors.As(err, &b) {
			t.Fatalf("%s: %v", a, err)
		}
		open := want == allowed || want == public && c.public
		if open != (err == nil) || b != nil && (b.Never != (want == forEver) || b.Range.IsValid() != (want != public)) {
			t.Errorf("%s to %s, port %d: the oracle says %s, got %v", c.scheme, a, c.port, want, err)
		}
	}
}

// borders are the first and the last address of every block, those just outside,
// and each of them in each disguise.
func borders() []netip.Addr {
	var all []netip.Addr
	for _, text := range append(append(append([]string{}, closed4...), closed6...), never...) {
		p := netip.MustParsePrefix(text)
		for _, a := range append(edges(p), outside(p, nil)...) {
			all = append(all, a)
			if a.Is4() {
				all = append(all, carriers(a)...)
			}
		}
	}
	return all
}

// With nothing allowed, with everything, and with each block alone.
func TestBordersAgainstTheOracle(t *testing.T) {
	t.Parallel()
	rules := [][]netip.Prefix{nil, everything, everything[:1], everything[1:]}
	for _, text := range append(append([]string{"64:ff9b::/96", "::/96", "2000::/3"}, closed4...), closed6...) {
		rules = append(rules, []netip.Prefix{netip.MustParsePrefix(text)})
	}
	all, seen := borders(), map[answer]int{}
	for _, allow := range rules {
		g := netguard.New(netguard.Rules{Allow: allow})
		var spans []span
		for _, p := range allow {
			spans = append(spans, spanOf(p))
		}
		for _, a := range all {
			want := judge(a, spans)
			seen[want]++
			agrees(t, g, a, want)
		}
	}
	t.Logf("%d addresses under %d configurations: %v", len(all), len(rules), seen)
	if len(all) < 1000 || seen[forEver] == 0 || seen[shut] == 0 || seen[public] == 0 || seen[allowed] == 0 {
		t.Errorf("of %d addresses the oracle said %v", len(all), seen)
	}
}

// Random CIDRs of random lengths around the borders, and addresses near them.
func TestRandomRulesAgainstTheOracle(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 2))
	all := borders()
	for range 2000 {
		var allow []netip.Prefix
		var spans []span
		for range rnd.IntN(3) {
			// As the operator writes it: host bits set, or as a mapped address.
			a := all[rnd.IntN(len(all))]
			p := netip.PrefixFrom(a, rnd.IntN(a.BitLen()+1))
			spans = append(spans, spanOf(p))
			if a.Is4() && rnd.IntN(2) == 0 {
				p = netip.PrefixFrom(netip.AddrFrom16(a.As16()), p.Bits()+96)
			} else if a.Is4In6() && p.Bits() >= 96 {
				spans[len(spans)-1] = spanOf(netip.PrefixFrom(a.Unmap(), p.Bits()-96))
			}
			allow = append(allow, p)
		}
		g := netguard.New(netguard.Rules{Allow: allow})
		for range 20 {
			a := all[rnd.IntN(len(all))]
			agrees(t, g, a, judge(a.Unmap(), spans))
		}
		if t.Failed() {
			t.Fatalf("with %v allowed (seed %d)", allow, seed)
		}
	}
}

// FuzzControl gives the dialer's hook whatever texts there are: it never panics,
// and opens nothing that the oracle keeps closed.
func FuzzControl(f *testing.F) {
	for _, a := range borders() {
		f.Add("http", "tcp", netip.AddrPortFrom(a, 443).String(), a.String()+"/12")
	}
	for _, address := range []string{
		"", ":", "[]:443", "127.1:80", "0x7f.1:80", "0177.0.0.1:80", "2130706433:80", "127.0.0.1.:80", "①②⑦.0.0.1:80",
		"[::1%lo]:80", "[fe80::1%25eth0]:80", "[::ffff:127.0.0.1%x]:80", "shop.example:443", "127.0.0.1:99999", "127.0.0.1:-1", "/run/socket",
	} {
		f.Add("https", "tcp4", address, "127.0.0.0/8")
		f.Add("gopher", "udp", address, "0.0.0.0/0")
	}
	f.Fuzz(func(t *testing.T, scheme, network, address, allow string) {
		var rules netguard.Rules
		var spans []span
		if p, err := netip.ParsePrefix(allow); err == nil {
			rules.Allow = []netip.Prefix{p}
			if p.Addr().Is4In6() && p.Bits() >= 96 {
				p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
			}
			spans = []span{spanOf(p)}
		}
		err := netguard.New(rules).Control(scheme)(t.Context(), network, address, nil)
		var b *netguard.Blocked
		if err != nil && (!errors.As(err, &b) || b.Reason == "") {
			t.Fatalf("%q: %#v", address, err)
		}
		if err == nil && !mayDial(scheme, network, address, spans) {
			t.Errorf("%s %s %q is open with %q allowed", scheme, network, address, allow)
		}
	})
}

// mayDial reads an address with Go's older parser, which knows no zones.
func mayDial(scheme, network, address string, allow []span) bool {
	host, port, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	if err != nil || ip == nil || network != "tcp" && network != "tcp4" && network != "tcp6" {
		return false
	}
	a, _ := netip.AddrFromSlice(ip)
	switch judge(a.Unmap(), allow) {
	case allowed:
		return true
	case public:
		return scheme == "https" && (port == "443" || port == "8443")
	}
	return false
}
