package acknowledge

import (
	"net/http"
	"strings"
)

// Answer is what a rule looks at.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// scope is what a rule's names mean for one answer.
type scope struct {
	Status int                 `expr:"status"`
	Body   string              `expr:"body"`
	Header func(string) string `expr:"header"`
	JSON   func(string) any    `expr:"json"`
}

func (a Answer) scope() scope {
	return scope{Status: a.Status, Body: a.Body, Header: a.Header.Get, JSON: document(a.Body)}
}

// bom is what editors on Windows put before UTF-8 text.
const bom = "\ufeff"

// trim strips whitespace and byte order marks, in whichever order they come.
func trim(s string) string {
	for {
		t := strings.Trim(strings.TrimSpace(s), bom)
		if t == s {
			return s
		}
		s = t
	}
}
