package netguard

import "net/netip"

var (
	compatible = netip.MustParsePrefix("::/96")           // RFC 4291, 2.5.5.1
	siit       = netip.MustParsePrefix("::ffff:0:0:0/96") // RFC 2765
	nat64      = netip.MustParsePrefix("64:ff9b::/96")    // RFC 6052
	localNAT64 = netip.MustParsePrefix("64:ff9b:1::/48")  // RFC 8215
	sixToFour  = netip.MustParsePrefix("2002::/16")       // RFC 3056
	teredo     = netip.MustParsePrefix("2001::/32")       // RFC 4380
)

// wrapped returns the IPv4 address that an IPv6 address is another spelling of:
// its prefix says that the last 32 bits are one. Mapped addresses are unmapped
// by the callers before; :: and ::1 only look compatible.
func wrapped(a netip.Addr) (netip.Addr, bool) {
	if a.IsUnspecified() || a.IsLoopback() {
		return netip.Addr{}, false
	}
	if compatible.Contains(a) || siit.Contains(a) || nat64.Contains(a) {
		return at(a, 12, 13, 14, 15), true
	}
	return netip.Addr{}, false
}

// isatap returns the IPv4 address in an ISATAP interface id: 0:5efe:a.b.c.d or
// 200:5efe:a.b.c.d under any prefix.
func isatap(a netip.Addr) (netip.Addr, bool) {
	b := a.As16()
	if !a.Is6() || b[8]&^0x02 != 0 || b[9] != 0 || b[10] != 0x5e || b[11] != 0xfe {
		return netip.Addr{}, false
	}
	return at(a, 12, 13, 14, 15), true
}

// carried returns every IPv4 address that could be meant by an IPv6 address,
// in whichever way. It serves the never tier, where one too many does no harm.
func carried(a netip.Addr) []netip.Addr {
	if !a.Is6() {
		return nil
	}
	var all []netip.Addr
	if v4, ok := wrapped(a); ok {
		all = append(all, v4)
	}
	if v4, ok := isatap(a); ok {
		all = append(all, v4)
	}
	switch {
	case localNAT64.Contains(a):
		// The prefix lengths that RFC 6052 knows, from 48 bits on.
		all = append(all, at(a, 6, 7, 9, 10), at(a, 7, 9, 10, 11), at(a, 9, 10, 11, 12), at(a, 12, 13, 14, 15))
	case sixToFour.Contains(a):
		all = append(all, at(a, 2, 3, 4, 5))
	case teredo.Contains(a):
		b := a.As16()
		client := netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})
		all = append(all, at(a, 4, 5, 6, 7), client)
	}
	return all
}

func at(a netip.Addr, i, j, k, l int) netip.Addr {
	b := a.As16()
	return netip.AddrFrom4([4]byte{b[i], b[j], b[k], b[l]})
}
