package acknowledge

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf16"
)

// near says how a body differs from what was wanted, if it nearly is that, or is
// that with something around it; else "".
func near(body, want string) string {
	text := trim(body)
	bare := strings.TrimFunc(body, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || r == '\ufeff' })
	var how []string
	switch {
	case same(text, want):
		how = around(body)
		text = trim(body)
	case same(bare, want):
		how, text = []string{"control characters around it"}, bare
	case same(trim(decodeUTF16(body)), want):
		how, text = []string{"it is UTF-16, not UTF-8"}, want
	case same(unquoted(text), want):
		how, text = []string{"in quotes"}, unquoted(text)
	case !strings.Contains(strings.ToLower(text), strings.ToLower(want)):
		return ""
	case strings.HasPrefix(text, "<"):
		return "inside HTML"
	case json.Valid([]byte(text)):
		return "inside JSON"
	default:
		return "more text around it"
	}
	if text != want && trim(text) != want {
		how = append(how, "in another letter case")
	}
	return strings.Join(how, ", ")
}

func same(text, want string) bool { return strings.EqualFold(text, want) }

// around names what trim strips from a body.
func around(body string) []string {
	var how []string
	if strings.HasPrefix(body, bom) {
		how = append(how, "it begins with a byte order mark")
	}
	if rest := strings.Trim(body, bom); rest != strings.TrimSpace(rest) {
		how = append(how, "whitespace around it")
	}
	return how
}

// unquoted strips one pair of quotes; a text without stays as it is.
func unquoted(s string) string {
	if len(s) < 2 || s[0] != s[len(s)-1] || !strings.ContainsRune("\"'`", rune(s[0])) {
		return s
	}
	return trim(s[1 : len(s)-1])
}

// decodeUTF16 reads a body as UTF-16 in the byte order that its first character
// suggests; "" if it cannot be that.
func decodeUTF16(body string) string {
	const longest = 256 // nothing longer is nearly a word
	if len(body) < 2 || len(body)%2 != 0 || len(body) > longest {
		return ""
	}
	high := 0 // where the high byte of each unit is: big endian
	if body[1] == 0 || strings.HasPrefix(body, "\xff\xfe") {
		high = 1
	}
	units := make([]uint16, len(body)/2)
	for i := range units {
		units[i] = uint16(body[2*i+high])<<8 | uint16(body[2*i+1-high])
	}
	return string(utf16.Decode(units))
}
