package netguard_test

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// answer is what the oracle says of an address.
type answer string

const (
	forEver answer = "never open"
	shut    answer = "closed"
	public  answer = "public" // https on 443 and 8443
	allowed answer = "allowed"
)

// judge decides an address by its 32 or 8 hexadecimal digits, where network.allow
// opens what lies in a span. It shares nothing with netguard but the facts.
func judge(a netip.Addr, allow []span) answer {
	digits := hex.EncodeToString(a.AsSlice())
	for _, v4 := range hidden(digits) {
		if metadata(v4) {
			return forEver
		}
	}
	if strings.HasPrefix(digits, "fe8") || strings.HasPrefix(digits, "fe9") || strings.HasPrefix(digits, "fea") ||
		strings.HasPrefix(digits, "feb") || digits == "fd000ec2000000000000000000000254" {
		return forEver
	}
	if v4, ok := spelling(digits); ok {
		return judge4(v4, allow)
	}
	high, low := number(digits[:16]), number(digits[16:])
	if isISATAP(digits) {
		if judge4(digits[24:], allow) == shut {
			return shut
		}
		low = 0 // what else it is, its prefix says
	}
	switch {
	case anySpan(allow, digits):
		return allowed
	case open6(high, low):
		return public
	}
	return shut
}

func judge4(digits string, allow []span) answer {
	switch {
	case anySpan(allow, digits):
		return allowed
	case open4(uint32(number(digits))):
		return public
	}
	return shut
}

func number(digits string) uint64 {
	n, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func metadata(v4 string) bool {
	return strings.HasPrefix(v4, "a9fe") || v4 == "646464c8" || v4 == "a83f8110" || v4 == "c00000c0"
}

// spelling is the IPv4 address that these digits are nothing else than.
func spelling(digits string) (v4 string, ok bool) {
	if len(digits) == 8 {
		return digits, true
	}
	switch digits[:24] {
	case "00000000000000000000ffff", "0000000000000000ffff0000", "0064ff9b0000000000000000":
		return digits[24:], true
	case "000000000000000000000000":
		return digits[24:], digits[24:] != "00000000" && digits[24:] != "00000001"
	}
	return "", false
}

func isISATAP(digits string) bool { return digits[16:24] == "00005efe" || digits[16:24] == "02005efe" }

// hidden are all IPv4 addresses that a network might read in these digits.
func hidden(digits string) []string {
	var all []string
	if v4, ok := spelling(digits); ok {
		all = append(all, v4)
	}
	if len(digits) == 8 {
		return all
	}
	if isISATAP(digits) {
		all = append(all, digits[24:])
	}
	switch {
	case strings.HasPrefix(digits, "0064ff9b0001"): // bits 64 to 71 are skipped
		all = append(all, digits[12:16]+digits[18:22], digits[14:16]+digits[18:24], digits[18:26], digits[24:])
	case strings.HasPrefix(digits, "2002"):
		all = append(all, digits[4:12])
	case strings.HasPrefix(digits, "20010000"):
		all = append(all, digits[8:16], fmt.Sprintf("%08x", ^uint32(number(digits[24:]))))
	}
	return all
}

// span is what a CIDR opens, as the digits of its first and its last address.
type span struct{ first, last string }

func spanOf(p netip.Prefix) span {
	return span{hex.EncodeToString(p.Masked().Addr().AsSlice()), hex.EncodeToString(last(p.Masked()).AsSlice())}
}

func anySpan(all []span, digits string) bool {
	for _, s := range all {
		if len(s.first) == len(digits) && s.first <= digits && digits <= s.last {
			return true
		}
	}
	return false
}
