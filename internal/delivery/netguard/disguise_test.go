package netguard_test

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/delivery/netguard"
)

// carriers are every way in which an IPv6 address may carry an IPv4 address, those
// that only the never tier looks into included.
func carriers(a netip.Addr) []netip.Addr {
	v4 := binary.BigEndian.Uint32(a.AsSlice())
	high16, low24 := uint64(v4>>16), uint64(v4&0xffffff)
	const local = uint64(0x0064ff9b_0001_0000)
	const teredo = uint64(0x2001_0000_0000_0000)
	return append(disguises(a),
		addr6(local|high16, uint64(v4&0xffff)<<40),                  // RFC 6052 under a /48
		addr6(local|0xab00|uint64(v4>>24), low24<<32),               // under a /56
		addr6(local|0xabcd, uint64(v4)<<24),                         // under a /64
		addr6(local|0xabcd, 0x1234_5678_0000_0000|uint64(v4)),       // under a /96
		addr6(teredo|uint64(v4), 0x8000_0000_0000_0000),             // Teredo's server
		addr6(teredo|0x08080808, 0x8000_0000_0000_0000|uint64(^v4)), // Teredo's client
		addr6(0xfd00<<48, 0x0000_5efe_0000_0000|uint64(v4)),         // ISATAP in a private network
		addr6(0xfe80<<48, 0x0200_5efe_0000_0000|uint64(v4)),
	)
}

func TestNeverOpenInAnyDisguise(t *testing.T) {
	t.Parallel()
	g := netguard.New(netguard.Rules{Allow: everything})
	for _, text := range never {
		for _, a := range edges(netip.MustParsePrefix(text)) {
			if !a.Is4() {
				continue
			}
			for _, d := range carriers(a) {
				wantBlocked(t, decide(g, d), d, true)
			}
		}
	}
}

// Around the blocks that are never open, what is allowed is open.
func TestJustOutsideOfNeverCanBeOpened(t *testing.T) {
	t.Parallel()
	g := netguard.New(netguard.Rules{Allow: everything})
	var tried int
	for _, text := range never {
		for _, a := range outside(netip.MustParsePrefix(text), never) {
			tried++
			if err := g.Decide("http", netip.AddrPortFrom(a, 8080)); err != nil {
				t.Error(err)
			}
		}
	}
	if tried != 2*len(never) {
		t.Errorf("%d addresses were tried", tried)
	}
}

// A public address in a disguise that is only another spelling stays public, up to
// the very edge of each block.
func TestJustOutsideInDisguise(t *testing.T) {
	t.Parallel()
	for _, text := range closed4 {
		for _, a := range outside(netip.MustParsePrefix(text), closed4) {
			for _, d := range disguises(a) {
				b := d.As16()
				closed := strings.HasPrefix(d.String(), "64:ff9b:1:") || b[0] == 0x20 && b[1] == 0x02 || d == netip.IPv6Loopback()
				if err := decide(nil, d); closed != (err != nil) {
					t.Errorf("%s, which carries %s: %v", d, a, err)
				}
			}
		}
	}
}

// A block that network.allow opens is open in the disguises that are only other
// spellings of it, to its edges and no further.
func TestAllowedBlocksInDisguise(t *testing.T) {
	t.Parallel()
	spellings := func(a netip.Addr) []netip.Addr { return append([]netip.Addr{a}, disguises(a)[:4]...) }
	for _, text := range closed4 {
		p := netip.MustParsePrefix(text)
		g := netguard.New(netguard.Rules{Allow: []netip.Prefix{p}})
		for _, a := range edges(p) {
			for _, d := range spellings(a) {
				// :: and ::1 are no spellings of 0.0.0.0 and 0.0.0.1.
				open := !within(a, never) && d != netip.IPv6Unspecified() && d != netip.IPv6Loopback()
				if err := g.Decide("http", netip.AddrPortFrom(d, 81)); open != (err == nil) {
					t.Errorf("%s with %s allowed: %v", d, p, err)
				}
			}
		}
		for _, a := range []netip.Addr{p.Masked().Addr().Prev(), last(p.Masked()).Next()} {
			if !a.IsValid() || p.Contains(a) {
				continue
			}
			for _, d := range spellings(a) {
				if err := g.Decide("http", netip.AddrPortFrom(d, 81)); err == nil {
					t.Errorf("%s is open with %s allowed", d, p)
				}
			}
		}
	}
}
