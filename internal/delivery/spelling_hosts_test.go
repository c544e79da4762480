package delivery_test

import (
	"fmt"
	"net/netip"
	"strings"
)

// forbidden are addresses of this machine that a URL may not lead to.
var forbidden = []string{"127.0.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.254", "0.0.0.0", "0.0.0.1", "::1", "::"}

// hosts are ways to write an address as the host of a URL: what C libraries,
// browsers and other languages read as that address, and what looks like it.
func hosts(address string) []string {
	a := netip.MustParseAddr(address)
	if a.Is6() {
		return bracketed(expansions(a))
	}
	all := mixedBases(a.As4())
	for _, host := range all {
		all = append(all, host+".")
	}
	all = append(all, foreignDigits(a.String())...)
	all = append(all, percentEncoded(a.String())...)
	all = append(all, a.String()+"..", "."+a.String(), "["+a.String()+"]", "[["+a.String()+"]]", a.String()+"%25lo", a.String()+"%00")
	return append(all, bracketed(disguised(a.As4()))...)
}

// mixedBases writes one to four parts, each in decimal, octal or hexadecimal; the
// last part takes the bytes that are left.
func mixedBases(b [4]byte) []string {
	value := uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])
	bases := []string{"%d", "0%o", "0x%x"}
	all := []string{
		fmt.Sprint(value + 1<<32), fmt.Sprintf("0X%X", value), fmt.Sprintf("0x%016x", value), fmt.Sprintf("000%o", value),
		fmt.Sprintf("%03d.%03d.%03d.%03d", b[0], b[1], b[2], b[3]), fmt.Sprintf("0X%02X.0X%02X.0X%02X.0X%02X", b[0], b[1], b[2], b[3]),
		fmt.Sprintf("%d.%d.%d.%d", int(b[0])+256, b[1], b[2], b[3]), fmt.Sprintf("00%o.00%o.00%o.00%o", b[0], b[1], b[2], b[3]),
	}
	for parts := 1; parts <= 4; parts++ {
		combinations := 1
		for range parts {
			combinations *= len(bases)
		}
		for n := range combinations {
			var written []string
			for i := range parts {
				part := uint64(b[i])
				if i == parts-1 {
					part = value & (1<<(8*(5-parts)) - 1)
				}
				written = append(written, fmt.Sprintf(bases[n%len(bases)], part))
				n /= len(bases)
			}
			all = append(all, strings.Join(written, "."))
		}
	}
	return all
}

// foreignDigits writes digits and dots that IDNA may take for ours.
func foreignDigits(text string) []string {
	zeros := []rune{'０', '𝟎', '𝟘', '𝟢', '𝟬', '𝟶', '٠', '०', '⁰', '⓪'}
	var all []string
	for _, zero := range zeros {
		for _, dot := range []string{".", "。", "．", "｡", "․"} {
			var b strings.Builder
			for _, r := range text {
				switch {
				case r == '.':
					b.WriteString(dot)
				case zero == '⓪' && r != '0':
					b.WriteRune('①' + r - '1')
				case zero == '⁰' && '1' <= r && r <= '3':
					b.WriteRune([]rune("¹²³")[r-'1'])
				default:
					b.WriteRune(zero + r - '0')
				}
			}
			all = append(all, b.String())
		}
	}
	for _, invisible := range []string{"\u00ad", "\u200b", "\u2060", "\ufeff", "\u200d"} {
		all = append(all, text+invisible, invisible+text, text[:2]+invisible+text[2:])
	}
	return all
}

func percentEncoded(text string) []string {
	var all strings.Builder
	for _, b := range []byte(text) {
		fmt.Fprintf(&all, "%%%02x", b)
	}
	return []string{
		all.String(), strings.ToUpper(all.String()), strings.ReplaceAll(all.String(), "%", "%25"), strings.ReplaceAll(text, ".", "%2e"),
		strings.ReplaceAll(text, ".", "%2E"), strings.Replace(text, "1", "%31", 1), text + "%2e", text + "%20", "%09" + text, text + "%0d%0a",
	}
}

// disguised are IPv6 addresses that carry an IPv4 address.
func disguised(b [4]byte) []string {
	dotted := netip.AddrFrom4(b).String()
	groups := fmt.Sprintf("%x:%x", uint(b[0])<<8|uint(b[1]), uint(b[2])<<8|uint(b[3]))
	var all []string
	for _, v4 := range []string{dotted, groups} {
		for _, prefix := range []string{
			"::ffff:", "::FFFF:", "0:0:0:0:0:ffff:", "0000:0000:0000:0000:0000:ffff:", "::0:ffff:", "::", "0:0:0:0:0:0:", "::ffff:0:", "64:ff9b::",
			"64:FF9B::", "64:ff9b:1::", "fe80::5efe:", "fe80::200:5efe:", "2001:db8::5efe:",
		} {
			all = append(all, prefix+v4)
		}
	}
	return append(all, "2002:"+groups+"::", "2002:"+groups+"::1", "2001:0:"+groups+"::", "::ffff:0x7f.0.0.1", "::ffff:127.1", "::ffff:0177.0.0.1")
}

// expansions are ways to write an IPv6 address.
func expansions(a netip.Addr) []string {
	b := a.As16()
	last := fmt.Sprintf("%x", b[15])
	return []string{
		a.String(), a.StringExpanded(), "0:0:0:0:0:0:0:" + last, "::0:" + last, "0::" + last, "0::0:" + last, "0000::000" + last, "::0:0:" + last,
		"::0.0.0." + last, "0:0:0:0:0:0:0.0.0." + last, "::00000" + last, ":" + a.String(),
	}
}

// bracketed are hosts of IPv6 literals, with and without zones.
func bracketed(literals []string) []string {
	var all []string
	for _, literal := range literals {
		all = append(all, literal)
		for _, zone := range []string{"", "%25lo", "%25eth0", "%251", "%25", "%lo", "%25127.0.0.1", "."} {
			all = append(all, "["+literal+zone+"]")
		}
	}
	return all
}
