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
func excerpt(text string, limit int) string {
	cut := len(text) > limit
	if cut {
		text = text[:limit]
	} else if isPlain(text) {
		return text
	}
	var b strings.Builder
	for text != "" {
		r, size := utf8.DecodeRuneInString(text)
		if cut && r == utf8.RuneError && !utf8.FullRuneInString(text) {
			break // a character that the limit has split
		}
		if shows(r, size) {
			b.WriteString(text[:size])
		} else {
			for i := range size {
				fmt.Fprintf(&b, `\x%02X`, text[i])
			}
		}
		text = text[size:]
	}
	return b.String()
}

// isPlain says whether a text is visible ASCII and spaces, and so its own excerpt.
func isPlain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

func shows(r rune, size int) bool {
	if r == utf8.RuneError && size == 1 {
		return false
	}
	return unicode.IsPrint(r) || r == '\n' || r == '\r' || r == '\t'
}

// clip makes a text safe and short enough for an error, on one line.
func clip(s string) string {
	short := excerpt(s, errorBytes)
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
	}, excerpt(s, len(s)))
}
