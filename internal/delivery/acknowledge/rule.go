package acknowledge

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// Rule is a compiled rule. What it says never changes, and it may be used by many
// goroutines.
type Rule struct {
	text    string
	program *vm.Program
	wants   []string // what the rule compares the body with
	reads   reads
	last    atomic.Pointer[judged]
}

// Compile reads a rule of at most 4 KB. Its error is one line that says what is
// wrong and where.
func Compile(text string) (*Rule, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("the rule is empty")
	}
	if len(text) > maxText {
		return nil, fmt.Errorf("the rule has %d bytes, at most %d", len(text), maxText)
	}
	options := language()
	config := conf.CreateNew()
	for _, option := range options {
		option(config)
	}
	// Parsed on its own first: the compiler already spends time and memory on
	// what the language lacks.
	tree, err := parser.ParseWithConfig(text, config)
	if err != nil {
		return nil, oneLine(err)
	}
	var g grammar
	ast.Walk(&tree.Node, &g)
	if g.err != nil {
		return nil, oneLine(g.err.Bind(tree.Source))
	}
	wants, reads := wanted(tree.Node), readBy(tree.Node)
	program, err := expr.Compile(text, options...)
	if err != nil {
		return nil, oneLine(err)
	}
	return &Rule{text: text, program: program, wants: wants, reads: reads}, nil
}

// language makes expr's language ours.
func language() []expr.Option {
	options := []expr.Option{
		expr.Env(scope{}),
		expr.AsBool(),
		expr.WarnOnAny(),
		expr.Optimize(false),
		expr.MaxNodes(maxNodes),
		expr.Function("trim", trimFunction, func(string) string { return "" }, func(string, string) string { return "" }),
		expr.DisableAllBuiltins(),
	}
	for _, name := range builtins {
		if _, ok := builtin.Index[name]; ok {
			options = append(options, expr.EnableBuiltin(name))
		}
	}
	return options
}

func trimFunction(args ...any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("trim needs text, not %T", args[0])
	}
	if len(args) == 1 {
		return trim(s), nil
	}
	cutset, ok := args[1].(string)
	if !ok {
		return nil, fmt.Errorf("trim needs text, not %T", args[1])
	}
	return strings.Trim(s, cutset), nil
}

// String returns the rule's text.
func (r *Rule) String() string { return r.text }

// True says whether the rule is true of an answer. An error says why the rule
// could not be evaluated on it, in one line; the rule counts as false then.
func (r *Rule) True(a Answer) (bool, error) {
	if yes, known := r.recall(a); known {
		return yes, nil
	}
	v, err := expr.Run(r.program, a.scope())
	if err != nil {
		return false, oneLine(err)
	}
	yes, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("the rule yields %T, not true or false", v)
	}
	r.keep(a, yes)
	return yes, nil
}

// oneLine drops the drawing of the source that expr's errors have.
func oneLine(err error) error {
	var at *file.Error
	if !errors.As(err, &at) {
		return errors.New(firstLine(err.Error()))
	}
	if at.Line > 1 {
		return fmt.Errorf("%s (line %d, column %d)", firstLine(at.Message), at.Line, at.Column+1)
	}
	return fmt.Errorf("%s (column %d)", firstLine(at.Message), at.Column+1)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
