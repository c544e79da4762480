package acknowledge

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	shownBody = 80  // bytes of an answer that an explanation shows
	shownRule = 160 // bytes of a rule
)

// Explain says in one line what an answer was and how it differs from one that
// the rule is true of: `status 200 with "SUCCESS!" (8 bytes), which is not
// "success": more text around it`.
func (r *Rule) Explain(a Answer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "status %d with %s", a.Status, shown(a.Body))
	yes, err := r.True(a)
	switch {
	case err != nil:
		fmt.Fprintf(&b, "; the rule cannot be evaluated: %s", clip(err.Error(), shownRule))
	case yes:
	case r.wouldCount(a):
		b.WriteString(": with status 200 it would count")
	case len(r.wants) > 0:
		b.WriteString(r.differs(a.Body))
	default:
		fmt.Fprintf(&b, "; the rule is: %s", clip(strings.Join(strings.Fields(r.text), " "), shownRule))
	}
	return b.String()
}

// wouldCount says whether nothing but the status keeps an answer from counting.
func (r *Rule) wouldCount(a Answer) bool {
	if a.Status == http.StatusOK {
		return false
	}
	a.Status = http.StatusOK
	yes, err := r.True(a)
	return yes && err == nil && len(r.wants) > 0
}

func (r *Rule) differs(body string) string {
	for _, want := range r.wants {
		if how := near(body, want); how != "" {
			return fmt.Sprintf(", which is not %q: %s", want, how)
		}
	}
	quoted := make([]string, len(r.wants))
	for i, want := range r.wants {
		quoted[i] = strconv.Quote(want)
	}
	return clip(", which is not "+strings.Join(quoted, " or "), shownRule)
}

// shown quotes a body so that every byte of its beginning can be seen.
func shown(body string) string {
	if body == "" {
		return "an empty body"
	}
	unit := "bytes"
	if len(body) == 1 {
		unit = "byte"
	}
	return fmt.Sprintf("%s (%d %s)", quote(body), len(body), unit)
}

func quote(s string) string {
	if len(s) <= shownBody {
		return strconv.Quote(s)
	}
	return strconv.Quote(cut(s, shownBody)) + "…"
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return cut(s, n) + "…"
}

// cut shortens a text without splitting a character.
func cut(s string, n int) string {
	for i := range utf8.UTFMax {
		if utf8.RuneStart(s[n-i]) {
			return s[:n-i]
		}
	}
	return s[:n]
}
