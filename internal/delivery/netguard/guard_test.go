package netguard_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/orderbell/orderbell/internal/delivery/netguard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// closed4, closed6 and never are written down again here, not read from the
// package: a line that is lost there must fail here.
var (
	closed4 = strings.Fields(`0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12
		192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24
		198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32`)
	closed6 = strings.Fields(`2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3ffe::/16 3fff::/20
		::/3 4000::/2 8000::/1 fc00::/7 fec0::/10 fe80::/10 ff00::/8 64:ff9b:1::/48`)
	never = strings.Fields(`169.254.0.0/16 fe80::/10 100.100.100.200/32 168.63.129.16/32 192.0.0.192/32 fd00:ec2::254/128`)
)

var everything = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// edges are the first and the last address of a block.
func edges(p netip.Prefix) []netip.Addr { return []netip.Addr{p.Masked().Addr(), last(p.Masked())} }

// outside are the addresses just before and just after a block, but for those
// that another block has.
func outside(p netip.Prefix, others []string) []netip.Addr {
	var all []netip.Addr
	for _, a := range []netip.Addr{p.Masked().Addr().Prev(), last(p.Masked()).Next()} {
		if a.IsValid() && !within(a, others) {
			all = append(all, a)
		}
	}
	return all
}

func within(a netip.Addr, blocks []string) bool {
	for _, b := range blocks {
		if netip.MustParsePrefix(b).Contains(a) {
			return true
		}
	}
	return false
}

// disguises are spellings of an IPv4 address as IPv6 that must be seen through.
func disguises(a netip.Addr) []netip.Addr {
	b := a.As4()
	high, low := uint16(b[0])<<8|uint16(b[1]), uint16(b[2])<<8|uint16(b[3])
	var all []netip.Addr
	for _, form := range []string{
		"::ffff:%x:%x", "::%x:%x", "::ffff:0:%x:%x", "64:ff9b::%x:%x", "64:ff9b:1::%x:%x",
		"2a00:1450:4001:800:0:5efe:%x:%x", "2a00:1450:4001:800:200:5efe:%x:%x", "2002:%x:%x::1",
	} {
		all = append(all, netip.MustParseAddr(fmt.Sprintf(form, high, low)))
	}
	return all
}

func decide(g *netguard.Guard, a netip.Addr) error {
	return g.Decide("https", netip.AddrPortFrom(a, 443))
}

func wantBlocked(t *testing.T, err error, a netip.Addr, forEver bool) {
	t.Helper()
	var b *netguard.Blocked
	switch {
	case !errors.As(err, &b):
		t.Errorf("%s is open: %v", a, err)
	case b.Never != forEver:
		t.Errorf("%s: never is %v: %v", a, b.Never, err)
	case !b.Never && !strings.Contains(err.Error(), "network."):
		t.Errorf("%s: the reason names no setting: %v", a, err)
	}
}

func TestBlocksAreClosed(t *testing.T) {
	t.Parallel()
	var nobody *netguard.Guard
	for _, text := range append(closed4, closed6...) {
		for _, a := range edges(netip.MustParsePrefix(text)) {
			for _, g := range []*netguard.Guard{nobody, {}, netguard.New(netguard.Rules{})} {
				wantBlocked(t, decide(g, a), a, within(a, never))
			}
			if a.Is4() {
				for _, d := range disguises(a) {
					wantBlocked(t, decide(nobody, d), d, within(a, never))
				}
			}
		}
	}
}

func TestJustOutsideOfBlocksIsOpen(t *testing.T) {
	t.Parallel()
	var open int
	for _, text := range append(closed4, closed6...) {
		for _, a := range outside(netip.MustParsePrefix(text), append(closed4, closed6...)) {
			open++
			if err := decide(nil, a); err != nil {
				t.Error(err)
			}
		}
	}
	if open < 30 {
		t.Errorf("only %d addresses were tried", open)
	}
}

// TestWhatGoLetsPass tries addresses that netip's own predicates call global.
func TestWhatGoLetsPass(t *testing.T) {
	t.Parallel()
	for text := range strings.FieldsSeq(`0.1.2.3 192.0.0.8 198.18.0.1 240.0.0.1 192.0.2.1 100.64.0.1 fec0::1 ::10.0.0.1
		64:ff9b:1::a00:1 2001::1 3fff::1 5f00::1 4000::1 64:ff9b::a00:1 ::ffff:0:a00:1`) {
		a := netip.MustParseAddr(text)
		wantBlocked(t, decide(nil, a), a, false)
	}
	for text := range strings.FieldsSeq(`2002:a9fe:a9fe:: 64:ff9b:1:a9fe:a9:fe00:: 64:ff9b:1:a9:fe:a9fe:: 64:ff9b:1:0:a9:fea9:fe00:0
		2001:0:a9fe:a9fe:: 2001:0:808:808:0:0:5601:5601`) {
		a := netip.MustParseAddr(text)
		wantBlocked(t, decide(nil, a), a, true)
	}
}

func TestWrappedPublicAddressesAreOpen(t *testing.T) {
	t.Parallel()
	for text := range strings.FieldsSeq(`8.8.8.8 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 ::ffff:0:808:808 2a00:1450::5efe:808:808 2606:4700::1111`) {
		if err := decide(nil, netip.MustParseAddr(text)); err != nil {
			t.Error(err)
		}
	}
	for text := range strings.FieldsSeq(`fd00::5efe:808:808 64:ff9b:1::808:808 2002:808:808::1`) {
		a := netip.MustParseAddr(text)
		wantBlocked(t, decide(nil, a), a, false)
	}
}

func TestAllowOpensAllButNever(t *testing.T) {
	t.Parallel()
	g := netguard.New(netguard.Rules{Allow: everything})
	for _, text := range append(closed4, closed6...) {
		for _, a := range edges(netip.MustParsePrefix(text)) {
			if within(a, never) {
				wantBlocked(t, decide(g, a), a, true)
			} else if err := g.Decide("http", netip.AddrPortFrom(a, 81)); err != nil {
				t.Error(err)
			}
		}
	}
	for _, text := range never {
		for _, a := range edges(netip.MustParsePrefix(text)) {
			wantBlocked(t, decide(g, a), a, true)
			if !a.Is4() {
				continue
			}
			for _, d := range disguises(a) {
				wantBlocked(t, decide(g, d), d, true)
			}
		}
	}
}

func TestAllowOpensItsRangeAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		allow, addr string
		open        bool
	}{
		{"10.0.0.0/8", "10.1.2.3", true},
		{"10.0.0.0/8", "::ffff:10.1.2.3", true},
		{"10.0.0.0/8", "64:ff9b::10.1.2.3", true},
		{"::ffff:10.0.0.0/104", "10.1.2.3", true},
		{"10.0.0.0/8", "11.0.0.1", false}, // http to a public address
		{"10.0.0.0/8", "192.168.0.1", false},
		{"10.0.0.0/8", "2a00:1450::5efe:10.1.2.3", false},
		// What only spells an IPv4 address is opened by that one's range alone.
		{"64:ff9b::/96", "64:ff9b::10.1.2.3", false},
		{"::/0", "::ffff:0:a01:203", false},
		{"::/0", "::10.1.2.3", false},
		{"2a00::/16", "2a00:1450::5efe:10.1.2.3", false},
		{"127.0.0.0/8", "::1", false},
		{"0.0.0.0/8", "::1", false},
		{"::1/128", "::1", true},
		{"fd00::/8", "fd00::1", true},
		{"fd00::/8", "fc00::1", false},
		{"93.184.216.34/32", "93.184.216.34", true},
	} {
		g := netguard.New(netguard.Rules{Allow: []netip.Prefix{netip.MustParsePrefix(c.allow)}})
		err := g.Decide("http", netip.MustParseAddrPort(net.JoinHostPort(c.addr, "81")))
		if (err == nil) != c.open {
			t.Errorf("%s with %s: %v", c.addr, c.allow, err)
		}
	}
}

// An ISATAP address needs both: its prefix and the IPv4 address that it carries.
func TestAllowOpensHalfOfISATAP(t *testing.T) {
	t.Parallel()
	a := netip.MustParseAddrPort("[2a00:1450::5efe:10.1.2.3]:443")
	for allow, open := range map[string]bool{"2a00:1450::/32": false, "10.0.0.0/8": true, "10.2.0.0/16": false} {
		g := netguard.New(netguard.Rules{Allow: []netip.Prefix{netip.MustParsePrefix(allow)}})
		if err := g.Decide("https", a); open != (err == nil) {
			t.Errorf("with %s allowed: %v", allow, err)
		}
		if err := g.Decide("http", a); err == nil {
			t.Errorf("plain http to a public prefix is open with %s allowed", allow)
		}
	}
}

func TestPortsAndSchemes(t *testing.T) {
	t.Parallel()
	open := netguard.Rules{Ports: []uint16{9443}, HTTP: true}
	for _, c := range []struct {
		rules  netguard.Rules
		scheme string
		port   uint16
		want   string // "" is open
	}{
		{netguard.Rules{}, "https", 443, ""},
		{netguard.Rules{}, "https", 8443, ""},
		{netguard.Rules{}, "https", 80, "network.ports"},
		{netguard.Rules{}, "https", 9443, "network.ports"},
		{netguard.Rules{}, "http", 80, "network.http"},
		{netguard.Rules{}, "http", 443, "network.http"},
		{netguard.Rules{Ports: []uint16{80}}, "http", 80, "network.http"},
		{open, "https", 9443, ""},
		{open, "http", 80, ""},
		{open, "http", 9443, ""},
		{open, "http", 8080, "network.ports"},
		{open, "gopher", 443, "plain gopher"},
	} {
		err := netguard.New(c.rules).Decide(c.scheme, netip.AddrPortFrom(netip.MustParseAddr("8.8.8.8"), c.port))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s on %d: %v", c.scheme, c.port, err)
		}
	}
}

func TestDatabaseIsNeverOpen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		database, addr string
		open           bool
	}{
		{"10.0.0.5:5432", "10.0.0.5:5432", false},
		{"10.0.0.5:5432", "[::ffff:10.0.0.5]:5432", false},
		{"[::ffff:10.0.0.5]:5432", "10.0.0.5:5432", false},
		{"10.0.0.5:5432", "[64:ff9b::a00:5]:5432", false},
		{"10.0.0.5:5432", "10.0.0.5:443", true},
		{"10.0.0.5:5432", "10.0.0.6:5432", true},
		{"10.0.0.5:5432", "127.0.0.1:5432", true},
		{"127.0.0.1:5432", "127.0.0.9:5432", false},
		{"127.0.0.1:5432", "[::1]:5432", false},
		{"127.0.0.1:5432", "0.0.0.0:5432", false},
		{"127.0.0.1:5432", "[::]:5432", false},
		{"127.0.0.1:5432", "127.0.0.1:5433", true},
		{"8.8.8.8:443", "8.8.8.8:443", false},
	} {
		g := netguard.New(netguard.Rules{Allow: everything, Database: []netip.AddrPort{netip.MustParseAddrPort(c.database)}})
		err := g.Decide("https", netip.MustParseAddrPort(c.addr))
		var b *netguard.Blocked
		if c.open && err != nil || !c.open && (!errors.As(err, &b) || !b.Never) {
			t.Errorf("%s with the database at %s: %v", c.addr, c.database, err)
		}
	}
}

func TestControlReadsTheDialledAddress(t *testing.T) {
	t.Parallel()
	control := netguard.New(netguard.Rules{Allow: everything}).Control("https")
	for _, c := range []struct {
		network, address string
		open             bool
	}{
		{"tcp4", "8.8.8.8:443", true},
		{"tcp6", "[2606:4700::1111]:443", true},
		{"udp4", "8.8.8.8:443", false},
		{"unix", "/run/x", false},
		{"tcp", "shop.example:443", false},
		{"tcp", "", false},
		{"tcp", "8.8.8.8", false},
		{"tcp", "0x8.8.8.8:443", false},
		{"tcp6", "[fe80::1%lo]:443", false},
		{"tcp6", "[2606:4700::1111%lo]:443", false},
		{"tcp6", "[::ffff:8.8.8.8%lo]:443", false},
	} {
		if err := control(t.Context(), c.network, c.address, nil); (err == nil) != c.open {
			t.Errorf("%s %s: %v", c.network, c.address, err)
		}
	}
}

func TestNoPacketReachesABlockedListener(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan string, 4)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c.RemoteAddr().String()
			c.Close()
		}
	}()
	dial := func(g *netguard.Guard) (string, error) {
		d := net.Dialer{ControlContext: g.Control("http")}
		c, err := d.DialContext(context.Background(), "tcp", l.Addr().String())
		if err != nil {
			return "", err
		}
		defer c.Close()
		return c.LocalAddr().String(), nil
	}
	var b *netguard.Blocked
	if _, err := dial(nil); !errors.As(err, &b) || b.Range.String() != "127.0.0.0/8" {
		t.Errorf("not blocked: %v", err)
	}
	local, err := dial(netguard.New(netguard.Rules{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}))
	if err != nil {
		t.Fatal(err)
	}
	// Connections are accepted in their order, so this one would come second.
	if first := <-accepted; first != local {
		t.Errorf("a blocked dial was accepted: %s before %s", first, local)
	}
}

func TestReasonsCanBeActedOn(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"10.1.2.3:443":        "blocked by the address policy: 10.1.2.3 is in 10.0.0.0/8 (private); network.allow can open it",
		"169.254.169.254:443": "blocked by the address policy: 169.254.169.254 is in 169.254.0.0/16 (link-local, with the clouds' metadata services), which is never open",
		"[::1]:443":           "blocked by the address policy: ::1 is in ::1/128 (loopback); network.allow can open it",
		"[4000::1]:443":       "blocked by the address policy: 4000::1 is in ::/0 (IPv6 outside of 2000::/3, which alone is public); network.allow can open it",
		"8.8.8.8:8080":        "blocked by the address policy: port 8080 of the public address 8.8.8.8; network.ports can open it",
	} {
		if got := netguard.New(netguard.Rules{}).Decide("https", netip.MustParseAddrPort(addr)); got == nil || got.Error() != want {
			t.Errorf("\n got %v\nwant %s", got, want)
		}
	}
}
