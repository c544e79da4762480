// Package netguard decides which addresses a request may go to.
//
// An endpoint's URL is written by a merchant, so a worker that follows it
// blindly is a way into the network it runs in. [Guard.Control] is asked by the
// dialer about every candidate address after the name was resolved, just before
// the connection is opened; a name alone decides nothing.
//
// There are three answers:
//
//   - public addresses are open to https on ports 443, 8443 and those of
//     network.ports; network.http opens plain http, and port 80 with it
//   - everything else is closed, and may be opened with network.allow: then
//     every port and plain http are open there
//   - a few addresses are never open: link-local ranges, the metadata services
//     of clouds, and the database itself
//
// # Sources
//
// The tables are made from the IANA special-purpose registries for IPv4 and
// IPv6, RFC 6890 with its updates, RFC 6052 and 8215 (NAT64), RFC 5214 (ISATAP),
// RFC 3056 (6to4), RFC 4380 (Teredo), and the clouds' documentation of their
// metadata addresses.
//
// # Decisions
//
//   - Decided at the dial, in net.Dialer.ControlContext. Rejected: resolving
//     first and comparing, because the name may resolve differently the second
//     time.
//   - In IPv6 what is not known to be public is closed: only 2000::/3 is open,
//     less its own special ranges. Rejected: netip's IsPrivate and
//     IsGlobalUnicast, which let pass 100.64.0.1, 198.18.0.1, fec0::1 and others.
//   - An IPv6 address whose prefix wraps an IPv4 address (mapped, compatible,
//     SIIT, NAT64's 64:ff9b::/96) is decided as that IPv4 address, both ways: a
//     network with DNS64 reaches public IPv4 only so. network.allow opens it by
//     its IPv4 range alone, since ::/0 or 64:ff9b::/96 would otherwise open all of
//     10.0.0.0/8 to who has written IPv6. An ISATAP interface id is no prefix: there
//     the IPv4 address must be open, and then the IPv6 prefix decides.
//   - 64:ff9b:1::/48 is closed as a whole. It is a network's own translator, and
//     where the IPv4 address sits in it depends on that network's prefix length,
//     so unwrapping could be made to look at the wrong bits.
//   - The never tier looks inside 6to4, Teredo and every reading of
//     64:ff9b:1::/48 too, so that opening such a range opens no metadata service.
//   - A database on a loopback address is closed at every loopback address and
//     at the unspecified one: a server that listens on all of them is reached
//     through each.
//   - The scheme is bound to the dialer, one for http and one for https, since a
//     socket does not know what will be spoken on it. Rejected: looking at the
//     URL before the dial, where the address is not known.
//   - A zone is looked for before an address is unmapped, which drops it. An
//     address with a zone is never open: it means one interface of this machine.
//   - The zero and the nil Guard deny all that is not public https.
package netguard
