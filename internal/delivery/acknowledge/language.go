package acknowledge

import (
	"fmt"
	"regexp/syntax"
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

const (
	maxText     = 4 << 10 // bytes of a rule
	maxNodes    = 256     // nodes of its tree
	maxPatterns = 200     // instructions of all its patterns together
)

// builtins are the functions of the language that a rule may call: none of them
// loops over a predicate, reads a clock, or builds text longer than its input.
var builtins = []string{
	"lower", "upper", "trimPrefix", "trimSuffix", "hasPrefix", "hasSuffix",
	"len", "int", "float", "string", "abs", "indexOf",
}

var operators = []string{
	"==", "!=", "<", "<=", ">", ">=", "&&", "and", "||", "or", "in",
	"+", "-", "*", "/", "%", "??", "contains", "startsWith", "endsWith", "matches",
}

// grammar walks a rule's tree and keeps the first thing that the language lacks.
type grammar struct {
	err      *file.Error
	patterns int
}

// Visit judges one node.
func (g *grammar) Visit(node *ast.Node) {
	if why := g.judge(*node); why != "" && g.err == nil {
		g.err = &file.Error{Location: (*node).Location(), Message: why}
	}
}

func (g *grammar) judge(node ast.Node) string {
	switch n := node.(type) {
	case *ast.BinaryNode:
		if !slices.Contains(operators, n.Operator) {
			return fmt.Sprintf("rules have no operator %s", n.Operator)
		}
		if n.Operator == "matches" {
			return g.pattern(n.Right)
		}
	case *ast.BuiltinNode:
		if !slices.Contains(builtins, n.Name) {
			return fmt.Sprintf("rules have no function %s", n.Name)
		}
	case *ast.IdentifierNode:
		if n.Value == "$env" {
			return "rules have no $env"
		}
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode,
		*ast.UnaryNode, *ast.ChainNode, *ast.MemberNode, *ast.SliceNode, *ast.CallNode,
		*ast.ConditionalNode, *ast.ArrayNode:
	default:
		return "rules have no variables, maps or sequences"
	}
	return ""
}

// pattern bounds what matching costs: the time is instructions × bytes.
func (g *grammar) pattern(node ast.Node) string {
	s, ok := node.(*ast.StringNode)
	if !ok {
		return "matches needs a constant pattern"
	}
	re, err := syntax.Parse(s.Value, syntax.Perl)
	if err != nil {
		return err.Error()
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return err.Error()
	}
	if g.patterns += len(prog.Inst); g.patterns > maxPatterns {
		return fmt.Sprintf("patterns are too large: %d instructions, at most %d", g.patterns, maxPatterns)
	}
	return ""
}
