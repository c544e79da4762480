package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxSize    = 64 << 10 // bytes of the file
	maxNesting = 16       // brackets inside one another, or dashes on one line
)

// readFile stores what the file sets and returns everything that is wrong with it.
func (c *Config) readFile(path string) []Problem {
	data, err := readSome(path)
	if err != nil {
		return []Problem{{Source: path, Text: err.Error()}}
	}
	root, problem := parse(data)
	if problem != nil {
		problem.Source = path
		return []Problem{*problem}
	}
	w := walk{config: c, source: path}
	w.root(root)
	slices.SortStableFunc(w.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return w.problems
}

// readSome reads no more than a byte over the cap: the path may be a device.
func readSome(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, unreadable(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	switch {
	case err != nil:
		return nil, unreadable(err)
	case len(data) > maxSize:
		return nil, fmt.Errorf("is larger than %d KB", maxSize>>10)
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errors.New("is empty; for the environment and the defaults alone, name no file")
	case !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0:
		return nil, errors.New("is not UTF-8 text")
	}
	return data, nil
}

// unreadable drops the path from the error: the problem names it already.
func unreadable(err error) error {
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return fmt.Errorf("cannot be read: %w", err)
}

// parse returns the only document's root, nil where it holds nothing. Doubled
// keys are let through here, so that the walk reports them all.
func parse(data []byte) (ast.Node, *Problem) {
	tokens := lexer.Tokenize(string(data))
	if deep := tooDeep(tokens); deep != nil {
		return nil, at(deep, fmt.Sprintf("is nested more than %d levels deep", maxNesting))
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		// Error() would add lines of the file, and those may hold a password.
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			return nil, at(syntax.GetToken(), "is not YAML: "+withoutQuotes(syntax.GetMessage()))
		}
		return nil, at(nil, "is not YAML")
	}
	if len(file.Docs) > 1 {
		return nil, at(file.Docs[1].Start, "a second YAML document begins here; a configuration is one document")
	}
	if len(file.Docs) == 0 {
		return nil, nil
	}
	return file.Docs[0].Body, nil
}

// withoutQuotes keeps what a parser's message says before it quotes the file in
// double quotes; single quotes hold one character.
func withoutQuotes(message string) string {
	message, _, _ = strings.Cut(message, `"`)
	return strings.ReplaceAll(strings.TrimRight(message, ": "), "\t", `\t`)
}

func at(t *token.Token, text string) *Problem {
	p := &Problem{Text: text}
	if t != nil && t.Position != nil {
		p.Line, p.Column = t.Position.Line, t.Position.Column
	}
	return p
}

// tooDeep returns the first token that is nested deeper than allowed.
func tooDeep(tokens token.Tokens) *token.Token {
	brackets, dashes, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			dashes, line = 0, t.Position.Line
		}
		switch t.Type { //nolint:exhaustive // only these open or close a level
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets = max(0, brackets-1)
		case token.SequenceEntryType, token.MappingKeyType:
			dashes++
		}
		if brackets > maxNesting || dashes > maxNesting {
			return t
		}
	}
	return nil
}
