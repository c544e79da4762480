package netguard_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/orderbell/orderbell/internal/delivery/netguard"
)

// open4 says whether an IPv4 address is public. It compares numbers and knows no
// prefixes, so that a mistake in netguard's tables is not made here again.
func open4(a uint32) bool {
	ip := func(w, x, y, z uint32) uint32 { return w<<24 | x<<16 | y<<8 | z }
	for _, r := range [][2]uint32{
		{0, ip(0, 255, 255, 255)},
		{ip(10, 0, 0, 0), ip(10, 255, 255, 255)},
		{ip(100, 64, 0, 0), ip(100, 127, 255, 255)},
		{ip(127, 0, 0, 0), ip(127, 255, 255, 255)},
		{ip(168, 63, 129, 16), ip(168, 63, 129, 16)},
		{ip(169, 254, 0, 0), ip(169, 254, 255, 255)},
		{ip(172, 16, 0, 0), ip(172, 31, 255, 255)},
		{ip(192, 0, 0, 0), ip(192, 0, 0, 255)},
		{ip(192, 0, 2, 0), ip(192, 0, 2, 255)},
		{ip(192, 31, 196, 0), ip(192, 31, 196, 255)},
		{ip(192, 52, 193, 0), ip(192, 52, 193, 255)},
		{ip(192, 88, 99, 0), ip(192, 88, 99, 255)},
		{ip(192, 168, 0, 0), ip(192, 168, 255, 255)},
		{ip(192, 175, 48, 0), ip(192, 175, 48, 255)},
		{ip(198, 18, 0, 0), ip(198, 19, 255, 255)},
		{ip(198, 51, 100, 0), ip(198, 51, 100, 255)},
		{ip(203, 0, 113, 0), ip(203, 0, 113, 255)},
		{ip(224, 0, 0, 0), ip(255, 255, 255, 255)},
	} {
		if r[0] <= a && a <= r[1] {
			return false
		}
	}
	return true
}

// open6 does the same for IPv6, by its two halves.
func open6(high, low uint64) bool {
	v4 := uint32(low)
	switch {
	case high == 0 && low <= 1:
		return false
	case high == 0 && (low>>32 == 0 || low>>32 == 0xffff), // compatible, mapped
		high == 0 && low>>32 == 0xffff0000,          // SIIT
		high == 0x0064ff9b_00000000 && low>>32 == 0: // NAT64
		return open4(v4)
	case high>>61 != 1, // outside of 2000::/3
		high>>41 == 0x20010000>>9,    // 2001::/23
		high>>32 == 0x20010db8,       // documentation
		high>>48 == 0x2002,           // 6to4
		high>>16 == 0x2620_004f_8000, // AS112
		high>>48 == 0x3ffe,           // 6bone
		high>>44 == 0x3fff0:          // documentation
		return false
	case low>>32 == 0x00005efe || low>>32 == 0x02005efe: // ISATAP
		return open4(v4)
	}
	return true
}

func addr6(high, low uint64) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], high)
	binary.BigEndian.PutUint64(b[8:], low)
	return netip.AddrFrom16(b)
}

func addr4(a uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, a)))
}

// TestRandomAddresses holds netguard against the oracle, where blocks and what
// lies around them are much likelier than chance would have them.
func TestRandomAddresses(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 1))
	var starts []netip.Prefix
	for _, text := range append(closed4, append(closed6, never...)...) {
		starts = append(starts, netip.MustParsePrefix(text))
	}
	random4 := func() uint32 {
		for rnd.IntN(2) == 0 {
			if p := starts[rnd.IntN(len(starts))]; p.Addr().Is4() {
				first := binary.BigEndian.Uint32(p.Addr().AsSlice())
				return first ^ uint32(1)<<rnd.IntN(32)&^uint32(rnd.IntN(2)) ^ rnd.Uint32()>>rnd.IntN(32)*uint32(rnd.IntN(2))
			}
		}
		return rnd.Uint32()
	}
	random6 := func() (uint64, uint64) {
		high, low := rnd.Uint64(), rnd.Uint64()
		switch rnd.IntN(8) {
		case 0, 1:
			if p := starts[rnd.IntN(len(starts))]; p.Addr().Is6() {
				b := p.Addr().As16()
				return binary.BigEndian.Uint64(b[:8]) ^ high>>rnd.IntN(64), low
			}
		case 2:
			return 0, []uint64{0, 0xffff, 0xffff0000, 1, 0xfffe}[rnd.IntN(5)]<<32 | uint64(random4())
		case 3:
			return 0x0064ff9b_00000000 | high&1, uint64(random4())
		case 4:
			return high&^(7<<61) | 1<<61, []uint64{0x5efe, 0x02005efe, 0x01005efe, 0x5eff}[rnd.IntN(4)]<<32 | uint64(random4())
		case 5:
			return high&^(7<<61) | 1<<61, low
		}
		return high, low
	}
	opened := 0
	check := func(a netip.Addr, open bool) {
		err := decide(nil, a)
		var b *netguard.Blocked
		if open != (err == nil) || err != nil && !errors.As(err, &b) {
			t.Errorf("%s: open is %t, got %v (seed %d)", a, open, err, seed)
		}
		if open {
			opened++
		}
	}
	const tries = 30_000
	for range tries {
		a := random4()
		check(addr4(a), open4(a))
		high, low := random6()
		check(addr6(high, low), open6(high, low))
	}
	if opened < tries/5 || opened > 2*tries-tries/5 {
		t.Errorf("%d of %d were open: the addresses are badly chosen", opened, 2*tries)
	}
}

func FuzzDecide(f *testing.F) {
	for _, a := range append(closed4, closed6...) {
		b := netip.MustParsePrefix(a).Addr().As16()
		f.Add(b[:], uint16(443))
	}
	g := netguard.New(netguard.Rules{Allow: everything})
	f.Fuzz(func(t *testing.T, b []byte, port uint16) {
		a, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		var open bool
		if u := a.Unmap(); u.Is4() {
			open = open4(binary.BigEndian.Uint32(u.AsSlice()))
		} else {
			x := a.As16()
			open = open6(binary.BigEndian.Uint64(x[:8]), binary.BigEndian.Uint64(x[8:]))
		}
		if err := decide(nil, a); open != (err == nil) {
			t.Errorf("%s: open is %t, got %v", a, open, err)
		}
		if err := g.Decide("http", netip.AddrPortFrom(a, port)); err == nil && within(a.Unmap(), never) {
			t.Errorf("%s is open where everything is allowed", a)
		}
	})
}
