package netguard

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// Rules is what the configuration says about the network.
type Rules struct {
	// Allow opens ranges that are not public (network.allow): every port, and
	// plain http. The never tier stays closed in them.
	Allow []netip.Prefix
	// Ports opens ports of public addresses, besides 443 and 8443 (network.ports).
	Ports []uint16
	// HTTP opens plain http to public addresses, and port 80 (network.http).
	HTTP bool
	// Database is the database's own addresses: never sent to.
	Database []netip.AddrPort
}

// Guard judges addresses. It never changes, and may be used by many goroutines.
// A nil Guard has no rules: it opens public https alone.
type Guard struct {
	rules Rules
}

// New makes a guard of rules, which it copies. Prefixes and addresses in
// IPv4-mapped form mean their IPv4 counterparts.
func New(r Rules) *Guard {
	g := &Guard{Rules{Ports: slices.Clone(r.Ports), HTTP: r.HTTP}}
	for _, p := range r.Allow {
		g.rules.Allow = append(g.rules.Allow, unmap(p))
	}
	for _, d := range r.Database {
		g.rules.Database = append(g.rules.Database, netip.AddrPortFrom(d.Addr().Unmap(), d.Port()))
	}
	return g
}

func unmap(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

// Control returns the function for net.Dialer.ControlContext of the dialer that
// serves a scheme, "http" or "https". An address that may not be dialled fails
// with a *Blocked, before any packet is sent.
func (g *Guard) Control(scheme string) func(ctx context.Context, network, address string, c syscall.RawConn) error {
	return func(_ context.Context, network, address string, _ syscall.RawConn) error {
		addr, err := netip.ParseAddrPort(address)
		if err != nil || network != "tcp" && network != "tcp4" && network != "tcp6" {
			return &Blocked{Never: true, Reason: fmt.Sprintf("%q (%s) is no address, which is never open", address, network)}
		}
		return g.Decide(scheme, addr)
	}
}

// Decide says whether a scheme, "http" or "https", may be spoken to an address:
// nil, or a *Blocked. An address that is another spelling of an IPv4 address is
// decided as that one.
func (g *Guard) Decide(scheme string, addr netip.AddrPort) error {
	var r Rules
	if g != nil {
		r = g.rules
	}
	a := addr.Addr().Unmap()
	switch {
	case !a.IsValid():
		return &Blocked{Addr: addr, Never: true, Reason: "this is no address, which is never open"}
	case addr.Addr().Zone() != "": // before Unmap, which drops it
		return &Blocked{Addr: addr, Never: true, Reason: fmt.Sprintf("%s has a zone, which is never open", addr.Addr())}
	}
	if b := r.never(a, addr); b != nil {
		return b
	}
	if v4, ok := wrapped(a); ok {
		a = v4
	} else if v4, ok := isatap(a); ok && !r.opens(v4) {
		if b, ok := closed(v4); ok {
			return shut(addr, b)
		}
	}
	if r.opens(a) {
		return nil
	}
	if b, ok := closed(a); ok {
		return shut(addr, b)
	}
	return r.public(scheme, addr)
}

// shut says which range keeps an address closed, and what would open it.
func shut(addr netip.AddrPort, b block) error {
	return &Blocked{Addr: addr, Range: b.Prefix, Reason: fmt.Sprintf(
		"%s is in %s (%s); network.allow can open it", addr.Addr(), b.Prefix, b.name)}
}

// never judges an address, and all that it could be another spelling of, against
// what stays closed whatever is configured.
func (r Rules) never(a netip.Addr, addr netip.AddrPort) error {
	for _, x := range append(carried(a), a) {
		if b, ok := find(never, x); ok {
			return &Blocked{Addr: addr, Range: b.Prefix, Never: true, Reason: fmt.Sprintf(
				"%s is in %s (%s), which is never open", addr.Addr(), b.Prefix, b.name)}
		}
		if r.database(netip.AddrPortFrom(x, addr.Port())) {
			return &Blocked{Addr: addr, Never: true, Reason: fmt.Sprintf(
				"%s is the database itself, which is never open", addr)}
		}
	}
	return nil
}

func (r Rules) database(x netip.AddrPort) bool {
	return slices.ContainsFunc(r.Database, func(d netip.AddrPort) bool {
		if d.Port() != x.Port() {
			return false
		}
		everyLocal := d.Addr().IsLoopback() || d.Addr().IsUnspecified()
		return d.Addr() == x.Addr() || everyLocal && (x.Addr().IsLoopback() || x.Addr().IsUnspecified())
	})
}

func (r Rules) opens(a netip.Addr) bool {
	return slices.ContainsFunc(r.Allow, func(p netip.Prefix) bool { return p.Contains(a) })
}

// public judges the scheme and the port at a public address.
func (r Rules) public(scheme string, addr netip.AddrPort) error {
	if scheme != "https" && (scheme != "http" || !r.HTTP) {
		return &Blocked{Addr: addr, Reason: fmt.Sprintf(
			"plain %s to the public address %s; network.http can open it", scheme, addr.Addr())}
	}
	port := addr.Port()
	if port == 443 || port == 8443 || r.HTTP && port == 80 || slices.Contains(r.Ports, port) {
		return nil
	}
	return &Blocked{Addr: addr, Reason: fmt.Sprintf(
		"port %d of the public address %s; network.ports can open it", port, addr.Addr())}
}
