package netguard

import "net/netip"

// Blocked is why an address may not be dialled.
type Blocked struct {
	Addr   netip.AddrPort // what was to be dialled; invalid if it could not be parsed
	Range  netip.Prefix   // the range that forbids it; invalid if the port or the scheme does
	Reason string         // one line that says what forbids it and what would open it
	Never  bool           // no configuration opens it
}

// Error returns the reason, prefixed so that it stands alone in a history.
func (b *Blocked) Error() string { return "blocked by the address policy: " + b.Reason }
