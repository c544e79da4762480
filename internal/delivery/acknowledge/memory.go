package acknowledge

import "github.com/expr-lang/expr/ast"

// longestKept bounds the body that a rule remembers, in bytes.
const longestKept = 64

// reads is what a rule looks at, besides the status.
type reads struct {
	body bool
	more bool // headers, or the body as JSON: whatever is not known here
}

// readBy finds what a rule looks at.
func readBy(root ast.Node) reads {
	var r reads
	ast.Walk(&root, &r)
	return r
}

// Visit looks at one node.
func (r *reads) Visit(node *ast.Node) {
	name, ok := (*node).(*ast.IdentifierNode)
	if !ok {
		return
	}
	switch name.Value {
	case "status", "trim":
	case "body":
		r.body = true
	default:
		r.more = true
	}
}

// judged is an answer, as far as its rule looks at it, and whether the rule was
// true of it.
type judged struct {
	status int
	body   string
	yes    bool
}

// recall returns what the rule said of the same answer, if that was the last one
// it kept.
func (r *Rule) recall(a Answer) (yes, known bool) {
	last := r.last.Load()
	if last == nil || last.status != a.Status || r.reads.body && last.body != a.Body {
		return false, false
	}
	return last.yes, true
}

// keep remembers an answer that is likely to come again: what acknowledges, since
// endpoints that work say the same every time, or just a status.
func (r *Rule) keep(a Answer, yes bool) {
	switch {
	case r.reads.more:
	case !r.reads.body:
		r.last.Store(&judged{status: a.Status, yes: yes})
	case yes && len(a.Body) <= longestKept:
		r.last.Store(&judged{status: a.Status, body: a.Body, yes: yes})
	}
}
