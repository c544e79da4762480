package config

import (
	"fmt"
	"strconv"
	"strings"
)

// item is a value as it was written, and where.
type item struct {
	text         string
	line, column int
}

// apply stores the values of a key and returns what is wrong with them. At least
// one item is given for a key that is no list.
func (k key) apply(c *Config, source string, items []item) []Problem {
	texts := make([]string, len(items))
	for i, it := range items {
		texts[i] = it.text
	}
	var problems []Problem
	for i, err := range k.set(c, texts) {
		if err != nil {
			it := items[i]
			problems = append(problems, Problem{source, it.line, it.column, k.path, k.quote(it.text) + " " + err.Error()})
		}
	}
	return problems
}

// refusal is the answer to a value for a key whose feature is not built yet.
func (k key) refusal(name string) string {
	return fmt.Sprintf("this release has no %s yet; leave %s out", k.missing, name)
}

// quote shows a value in a message, unless it may hold a password: a database URL
// sometimes lands in the wrong key.
func (k key) quote(text string) string {
	if k.secret {
		return "the value (not shown)"
	}
	if strings.ContainsAny(text, "@") || strings.Contains(strings.ToLower(text), "passw") {
		return "the value (not shown: it may hold a password)"
	}
	const longest = 64
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return strconv.Quote(text)
}
