package acknowledge

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// wanted returns the texts that a rule compares the body with, by == or in.
func wanted(root ast.Node) []string {
	var w wants
	ast.Walk(&root, &w)
	return w
}

type wants []string

// Visit collects the texts of one comparison.
func (w *wants) Visit(node *ast.Node) {
	n, ok := (*node).(*ast.BinaryNode)
	if !ok || n.Operator != "==" && n.Operator != "in" {
		return
	}
	if readsBody(n.Left) {
		w.add(n.Right)
	}
	if n.Operator == "==" && readsBody(n.Right) {
		w.add(n.Left)
	}
}

func (w *wants) add(node ast.Node) {
	switch n := node.(type) {
	case *ast.StringNode:
		if n.Value != "" && !slices.Contains(*w, n.Value) {
			*w = append(*w, n.Value)
		}
	case *ast.ArrayNode:
		for _, element := range n.Nodes {
			w.add(element)
		}
	}
}

// readsBody reports whether an operand is the body, or text made from all of it.
func readsBody(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.IdentifierNode:
		return n.Value == "body"
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		return ok && callee.Value == "trim" && len(n.Arguments) > 0 && readsBody(n.Arguments[0])
	case *ast.BuiltinNode:
		changesCase := n.Name == "lower" || n.Name == "upper"
		return changesCase && len(n.Arguments) > 0 && readsBody(n.Arguments[0])
	}
	return false
}
