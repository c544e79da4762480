package delivery

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	excerptBytes = 512 // of an answer, before escaping
	errorBytes   = 300 // of texts that others write into errors
)

// excerpt is the beginning of a text as valid UTF-8 that a text column and a
// terminal can take: bytes that are no character, and characters that cannot be
// seen, are written as \xNN; line feeds, carriage returns and tabs stay.
func excerpt(text []byte, limit int) string {
	cut := len(text) > limit
	if cut {
		text = text[:limit]
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if cut && r == utf8.RuneError && !utf8.FullRune(text) {
			break // a character that the limit has split
		}
		if shows(r, size) {
			b.Write(text[:size])
		} else {
			for _, c := range text[:size] {
				fmt.Fprintf(&b, `\x%02X`, c)
			}
		}
		text = text[size:]
	}
	return b.String()
}

func shows(r rune, size int) bool {
	if r == utf8.RuneError && size == 1 {
		return false
	}
	return unicode.IsPrint(r) || r == '\n' || r == '\r' || r == '\t'
}

// clip makes a text safe and short enough for an error, on one line.
func clip(s string) string {
	short := excerpt([]byte(s), errorBytes)
	if len(s) > errorBytes {
		short += "…"
	}
	return strings.Join(strings.Fields(short), " ")
}

// line makes a text safe for an error, on one line, whatever its length: a rule
// that fails on an answer repeats the answer's own bytes in its error.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return ' '
		}
		return r
	}, excerpt([]byte(s), len(s)))
}
