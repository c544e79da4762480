package netguard

import "net/netip"

// block is a range with the words that a reason uses for it.
type block struct {
	netip.Prefix
	name string
}

func cidr(prefix, name string) block { return block{netip.MustParsePrefix(prefix), name} }

// never holds what no configuration opens.
var never = []block{
	cidr("169.254.0.0/16", "link-local, with the clouds' metadata services"),
	cidr("100.100.100.200/32", "Alibaba Cloud's metadata service"),
	cidr("168.63.129.16/32", "Azure's host agent"),
	cidr("192.0.0.192/32", "Oracle Cloud's metadata service"),
	cidr("fe80::/10", "link-local"),
	cidr("fd00:ec2::254/128", "AWS's metadata service"),
}

// closed4 holds the IPv4 ranges that are not public.
var closed4 = []block{
	cidr("0.0.0.0/8", "this host"),
	cidr("10.0.0.0/8", "private"),
	cidr("100.64.0.0/10", "carrier-grade NAT"),
	cidr("127.0.0.0/8", "loopback"),
	cidr("169.254.0.0/16", "link-local"),
	cidr("172.16.0.0/12", "private"),
	cidr("192.0.0.0/24", "protocol assignments"),
	cidr("192.0.2.0/24", "documentation"),
	cidr("192.31.196.0/24", "AS112"),
	cidr("192.52.193.0/24", "AMT relays"),
	cidr("192.88.99.0/24", "6to4 relays"),
	cidr("192.168.0.0/16", "private"),
	cidr("192.175.48.0/24", "AS112"),
	cidr("198.18.0.0/15", "benchmarking"),
	cidr("198.51.100.0/24", "documentation"),
	cidr("203.0.113.0/24", "documentation"),
	cidr("224.0.0.0/4", "multicast"),
	cidr("240.0.0.0/4", "reserved"),
	cidr("168.63.129.16/32", "Azure's host agent"),
}

// public6 is the only IPv6 range that is public; closed6 lists what is special
// inside it.
var public6 = netip.MustParsePrefix("2000::/3")

var closed6 = []block{
	cidr("2001::/23", "protocol assignments, with Teredo and ORCHID"),
	cidr("2001:db8::/32", "documentation"),
	cidr("2002::/16", "6to4"),
	cidr("2620:4f:8000::/48", "AS112"),
	cidr("3ffe::/16", "6bone"),
	cidr("3fff::/20", "documentation"),
}

// named6 gives better words to ranges that are closed for lying outside 2000::/3.
var named6 = []block{
	cidr("::/128", "unspecified"),
	cidr("::1/128", "loopback"),
	cidr("64:ff9b:1::/48", "local NAT64"),
	cidr("fc00::/7", "private"),
	cidr("fec0::/10", "site-local"),
	cidr("ff00::/8", "multicast"),
}

func find(blocks []block, a netip.Addr) (block, bool) {
	for _, b := range blocks {
		if b.Contains(a) {
			return b, true
		}
	}
	return block{}, false
}

// closed returns the range that keeps an address from being public. IPv4
// addresses in a disguise must be unwrapped.
func closed(a netip.Addr) (block, bool) {
	if a.Is4() {
		return find(closed4, a)
	}
	if b, ok := find(named6, a); ok {
		return b, true
	}
	if !public6.Contains(a) {
		return block{netip.PrefixFrom(netip.IPv6Unspecified(), 0), "IPv6 outside of 2000::/3, which alone is public"}, true
	}
	return find(closed6, a)
}
