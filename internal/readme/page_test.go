package readme_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// root is the repository, seen from this package.
const root = "../.."

// block is a fenced piece of the page.
type block struct{ section, language, text string }

func read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(root + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks returns the page's fenced pieces, in order, each with its heading.
func blocks(t testing.TB) []block {
	t.Helper()
	var found []block
	var open *block
	section := ""
	for line := range strings.Lines(read(t, "README.md")) {
		switch {
		case open != nil && strings.HasPrefix(line, "```"):
			found, open = append(found, *open), nil
		case open != nil:
			open.text += line
		case strings.HasPrefix(line, "```"):
			open = &block{section: section, language: strings.TrimSpace(line[3:])}
		case strings.HasPrefix(line, "#"):
			section = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
	}
	if open != nil {
		t.Fatalf("README.md: the block under %q has no end", open.section)
	}
	return found
}

// shown returns the texts of one language under one heading, exactly so many.
func shown(t testing.TB, section, language string, want int) []string {
	t.Helper()
	var texts []string
	for _, b := range blocks(t) {
		if b.section == section && b.language == language {
			texts = append(texts, b.text)
		}
	}
	if len(texts) != want {
		t.Fatalf("README.md: %d %s blocks under %q, want %d", len(texts), language, section, want)
	}
	return texts
}

// prose is the page without its fenced pieces, or one section of it.
func prose(t testing.TB, section string) string {
	t.Helper()
	var b strings.Builder
	fenced, here := false, section == ""
	for line := range strings.Lines(read(t, "README.md")) {
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case fenced:
		case strings.HasPrefix(line, "#") && section != "":
			here = strings.TrimSpace(strings.TrimLeft(line, "#")) == section
		case here:
			b.WriteString(line)
		}
	}
	if b.Len() == 0 {
		t.Fatalf("README.md: nothing under %q", section)
	}
	return b.String()
}

var span = regexp.MustCompile("`([^`]+)`")

// spans returns what stands between backticks.
func spans(text string) []string {
	var found []string
	for _, match := range span.FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

// table returns the rows under the header that begins with a word, cell by cell.
func table(t testing.TB, first string) [][]string {
	t.Helper()
	var rows [][]string
	inside := false
	for line := range strings.Lines(read(t, "README.md")) {
		if !strings.HasPrefix(line, "|") {
			inside = false
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		for i, cell := range cells {
			cells[i] = strings.TrimSpace(cell)
		}
		switch {
		case cells[0] == first:
			inside = true
		case inside && !strings.HasPrefix(cells[0], "---"):
			rows = append(rows, cells)
		}
	}
	if len(rows) == 0 {
		t.Fatalf("README.md: no table whose first column is %q", first)
	}
	return rows
}

// plain is a cell that is one span.
func plain(cell string) string { return strings.Trim(cell, "`") }
