package config

import (
	"fmt"
	"regexp"

	"github.com/goccy/go-yaml/ast"
)

// walk goes through the tree of a file, stores what it finds, and gathers what is
// wrong with it.
type walk struct {
	config   *Config
	source   string
	problems []Problem
}

func (w *walk) report(n ast.Node, path, text string) {
	p := at(n.GetToken(), text)
	p.Source, p.Key = w.source, path
	w.problems = append(w.problems, *p)
}

func (w *walk) root(n ast.Node) {
	if isNull(n) {
		return
	}
	m, ok := n.(ast.MapNode)
	if !ok {
		w.report(n, "", "the file holds no keys with values, such as \"log: {level: info}\"")
		return
	}
	w.section("", m)
}

func (w *walk) section(path string, m ast.MapNode) {
	lines := map[string]int{}
	for entries := m.MapRange(); entries.Next(); {
		node := entries.Key()
		name, ok := scalar(node)
		if !ok || !plainName.MatchString(name) {
			w.report(node, path, "this key is no plain word; keys have letters and _ alone, and words of a path stand below one another")
			continue
		}
		full := name
		if path != "" {
			full = path + "." + name
		}
		if first, twice := lines[name]; twice {
			w.report(node, full, fmt.Sprintf("is set twice; the first time on line %d", first))
		} else {
			lines[name] = node.GetToken().Position.Line
		}
		w.entry(node, full, entries.Value())
	}
}

// plainName is what a key looks like. Anything else is not quoted: a slip in the
// punctuation can make a key out of a whole URL.
var plainName = regexp.MustCompile(`^[\w-]{1,64}$`)

func (w *walk) entry(name ast.Node, path string, value ast.Node) {
	if k, ok := keyAt(path); ok {
		w.value(name, k, value)
		return
	}
	if !isSection(path) {
		w.report(name, path, "is no key of the configuration"+didYouMean(nearestKey(path)))
		return
	}
	m, ok := value.(ast.MapNode)
	switch {
	case ok:
		w.section(path, m)
	case !isNull(value):
		w.report(name, path, "is "+kind(value)+"; allowed: keys with values, indented below it")
	}
}

func (w *walk) value(name ast.Node, k key, value ast.Node) {
	if isNull(value) {
		return
	}
	if k.missing != "" {
		w.report(name, k.path, k.refusal(k.path))
		return
	}
	if k.fileOnly {
		w.entries(name, k, value)
		return
	}
	if !k.list {
		if text, ok := scalar(value); ok {
			w.apply(k, []item{place(name, text)})
		} else {
			w.report(name, k.path, "is "+kind(value)+"; allowed: one value")
		}
		return
	}
	list, ok := value.(*ast.SequenceNode)
	if !ok {
		w.report(name, k.path, "is "+kind(value)+"; allowed: a list, such as [a, b]")
		return
	}
	w.list(k, list)
}

// entries reads a key whose values have keys of their own.
func (w *walk) entries(name ast.Node, k key, value ast.Node) {
	list, ok := value.(*ast.SequenceNode)
	if !ok {
		w.report(name, k.path, "is "+kind(value)+"; allowed: a list of entries, each behind a dash")
		return
	}
	if k.path == "scans" {
		w.scanEntries(list)
		return
	}
	w.tlsEntries(list)
}

func (w *walk) list(k key, list *ast.SequenceNode) {
	var items []item
	for _, n := range list.Values {
		if text, ok := scalar(n); ok {
			items = append(items, place(n, text))
		} else {
			w.report(n, k.path, "an entry is "+kind(n)+"; allowed: one value")
		}
	}
	w.apply(k, items)
}

func (w *walk) apply(k key, items []item) {
	w.problems = append(w.problems, k.apply(w.config, w.source, items)...)
}

func place(n ast.Node, text string) item {
	position := n.GetToken().Position
	return item{text, position.Line, position.Column}
}
