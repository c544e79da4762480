package delivery

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestExcerptIsSafe(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 510)
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", ""},
		{"text", "success", "success"},
		{"lines stay", "a\r\nb\tc\n", "a\r\nb\tc\n"},
		{"UTF-8 stays", "订单 é 😀 \ufffd", "订单 é 😀 \ufffd"},
		{"NUL", "a\x00b\x00", `a\x00b\x00`},
		{"other control characters", "\x01\x07\x08\x0b\x0c\x1b[31m\x7f\u0085", `\x01\x07\x08\x0B\x0C\x1B[31m\x7F\xC2\x85`},
		{"a byte order mark", "\ufeffok", `\xEF\xBB\xBFok`},
		{"text that runs backwards", "\u202eabc", `\xE2\x80\xAEabc`},
		{"a line separator", "a\u2028b", `a\xE2\x80\xA8b`},
		{"invalid bytes", "a\xffb\xc3", `a\xFFb\xC3`},
		{"too long a spelling", "\xc0\x80", `\xC0\x80`},
		{"half a pair as UTF-8", "\xed\xa0\x80", `\xED\xA0\x80`},
		{"beyond Unicode", "\xf4\x90\x80\x80", `\xF4\x90\x80\x80`},
		{"UTF-16", "\xff\xfeo\x00k\x00", `\xFF\xFEo\x00k\x00`},
		{"at the limit", long + "yz", long + "yz"},
		{"over the limit", long + "yzz", long + "yz"},
		{"a character ends at the limit", long + "éz", long + "é"},
		{"a character is split by the limit", long + "y订", long + "y"},
		{"a longer one is split", long + "y😀", long + "y"},
		{"bytes before the split one", long + "\xff订", long + `\xFF`},
		{"an end that is cut by nobody", long + "\xe8\xae", long + `\xE8\xAE`},
		{"an invalid byte at the limit", long + "y\xffz", long + `y\xFF`},
	} {
		got := excerpt(c.text, excerptBytes)
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		checkSafe(t, got)
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                      "",
		"one\nline,\t of\r\n  spaces ":          "one line, of spaces",
		"a\x00b\xff":                            `a\x00b\xFF`,
		strings.Repeat("x", errorBytes):         strings.Repeat("x", errorBytes),
		strings.Repeat("x", errorBytes+1):       strings.Repeat("x", errorBytes) + "…",
		strings.Repeat("x", errorBytes-1) + "é": strings.Repeat("x", errorBytes-1) + "…",
	} {
		if got := clip(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func FuzzExcerptIsSafe(f *testing.F) {
	f.Add([]byte("success"), 512)
	f.Add([]byte("\ufeff订单\x00\xff\n"), 5)
	f.Add([]byte("\xf0\x9f\x98"), 3)
	f.Add([]byte("\xf0\x9f\x98\x80"), 3)
	f.Fuzz(func(t *testing.T, text []byte, limit int) {
		limit = min(max(limit, 0), 1000)
		got := excerpt(string(text), limit)
		checkSafe(t, got)
		if len(got) > 4*limit {
			t.Errorf("%d bytes of an excerpt of %d", len(got), limit)
		}
		plain := !strings.ContainsFunc(string(text), func(r rune) bool {
			return r == utf8.RuneError || !unicode.IsPrint(r) && !strings.ContainsRune("\r\n\t", r)
		})
		if plain && !strings.HasPrefix(string(text), got) {
			t.Errorf("%q became %q", text, got)
		}
		if plain && len(got) < min(len(text), limit)-utf8.UTFMax+1 {
			t.Errorf("%q was cut to %q at %d", text, got, limit)
		}
		if one := clip(string(text)); strings.ContainsAny(one, "\r\n\t") {
			t.Errorf("more than one line: %q", one)
		} else {
			checkSafe(t, one)
		}
	})
}

// checkSafe wants a text that a text column and a terminal can take.
func checkSafe(t *testing.T, s string) {
	t.Helper()
	for _, r := range s {
		if !unicode.IsPrint(r) && !strings.ContainsRune("\r\n\t", r) {
			t.Errorf("%q has %U", s, r)
		}
	}
	if !utf8.ValidString(s) {
		t.Errorf("%q is no UTF-8", s)
	}
}
