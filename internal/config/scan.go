package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Kinds of scans.
const (
	KindRun           = "run"
	KindCompensate    = "compensate"
	KindExpectNothing = "expect_nothing"
)

// Scan is a query that runs on a schedule.
type Scan struct {
	// Name is its own: 1 to 63 letters, digits, dots, dashes and _.
	Name string
	// Schedule is as it was written; who runs it judges it.
	Schedule string
	// Kind is KindRun, KindCompensate or KindExpectNothing.
	Kind string
	// Query is one SQL statement, or empty where there is a Function, which is called
	// without arguments.
	Query, Function string
	// Timeout of a run, 1 second to 24 hours.
	Timeout time.Duration
	// Place is where the schedule is written: a problem that is still without a text.
	Place Problem
}

var scanFields = []struct {
	name string
	set  func(*Scan, string) error
}{
	{"name", func(s *Scan, text string) error {
		s.Name = text
		return like(scanName, text, "is no name of a scan; allowed: 1 to 63 letters, digits, dots, dashes and _")
	}},
	{"schedule", func(s *Scan, text string) error { s.Schedule = text; return filled(text) }},
	{"kind", func(s *Scan, text string) (err error) {
		s.Kind, err = oneOf(KindRun, KindCompensate, KindExpectNothing)(text)
		return err
	}},
	{"query", func(s *Scan, text string) error { s.Query = text; return filled(text) }},
	{"function", func(s *Scan, text string) error {
		s.Function = text
		return like(functionName, text, "is no name of a function; allowed: one such as shop.close_unpaid, without parentheses")
	}},
	{"timeout", func(s *Scan, text string) (err error) { s.Timeout, err = scanTimeout(text); return err }},
}

var (
	scanName     = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,63}$`)
	functionName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?$`)
)

func like(pattern *regexp.Regexp, text, otherwise string) error {
	if !pattern.MatchString(text) {
		return errors.New(otherwise)
	}
	return nil
}

func filled(text string) error {
	if strings.TrimSpace(text) == "" {
		return errors.New("is empty")
	}
	return nil
}

func scanTimeout(text string) (time.Duration, error) {
	const allowed = "allowed: 1s to 24h, with a unit, such as 5m"
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("is no duration; " + allowed)
	}
	if d < time.Second || d > 24*time.Hour {
		return 0, errors.New("is out of range; " + allowed)
	}
	return d, nil
}

// scanEntries stores the entries of the list scans.
func (w *walk) scanEntries(list *ast.SequenceNode) {
	first := map[string]int{}
	for _, n := range list.Values {
		m, ok := n.(ast.MapNode)
		if !ok {
			w.report(n, "scans", "an entry is "+kind(n)+"; allowed: keys with values, such as \"- name: nightly\"")
			continue
		}
		scan, places := w.scanEntry(n, m)
		if at, ok := places["name"]; ok {
			if line, twice := first[scan.Name]; twice {
				w.report(at, "scans.name", fmt.Sprintf("%q is the name of another scan, on line %d", scan.Name, line))
			} else {
				first[scan.Name] = at.GetToken().Position.Line
			}
		}
		w.config.Scans = append(w.config.Scans, scan)
	}
}

// scanEntry reads one entry, and says where its keys stand.
func (w *walk) scanEntry(n ast.Node, m ast.MapNode) (scan Scan, places map[string]ast.Node) {
	scan = Scan{Kind: KindRun, Timeout: 5 * time.Minute}
	places = map[string]ast.Node{}
	for entries, i := m.MapRange(), 0; entries.Next(); i++ {
		if i == 0 {
			n = entries.Key() // a map's own place is its first colon
		}
		w.scanField(&scan, places, entries.Key(), entries.Value())
	}
	for _, needed := range []string{"name", "schedule"} {
		if places[needed] == nil {
			w.report(n, "scans", "an entry has no "+needed)
		}
	}
	switch query, function := places["query"], places["function"]; {
	case query != nil && function != nil:
		w.report(function, "scans.function", "is set, and so is query; set one of them")
	case query == nil && function == nil:
		w.report(n, "scans", "an entry has neither query nor function; set one of them")
	}
	if at := places["schedule"]; at != nil {
		position := at.GetToken().Position
		scan.Place = Problem{Source: w.source, Line: position.Line, Column: position.Column, Key: "scans.schedule"}
	}
	return scan, places
}

func (w *walk) scanField(scan *Scan, places map[string]ast.Node, key, value ast.Node) {
	name, ok := scalar(key)
	for _, f := range scanFields {
		if !ok || f.name != name {
			continue
		}
		if _, twice := places[name]; twice {
			w.report(key, "scans."+name, "is set twice in one entry")
		}
		text, single := scalar(value)
		switch {
		case isNull(value):
			return
		case !single:
			w.report(key, "scans."+name, "is "+kind(value)+"; allowed: one value")
		default:
			if err := f.set(scan, strings.TrimSpace(text)); err != nil {
				w.report(key, "scans."+name, quoted(name, text)+err.Error())
			}
		}
		places[name] = key
		return
	}
	w.report(key, "scans", "this key is not known; allowed: name, schedule, kind, query, function, timeout")
}

// quoted shows a value in front of a message; a query is long, and may hold anything.
func quoted(name, text string) string {
	if name == "query" || strings.TrimSpace(text) == "" {
		return ""
	}
	return key{}.quote(text) + " "
}
