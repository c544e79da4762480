package model_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orderbell/orderbell/internal/outbox"
)

// kind says what a step does.
type kind string

const (
	enqueue  kind = "enqueue"  // a notification, by enqueue() or by a plain INSERT
	cancel   kind = "cancel"   // the notifications of an order
	commit   kind = "commit"   // of the open business transaction
	rollback kind = "rollback" // of the open business transaction
	claim    kind = "claim"    // due notifications of an endpoint
	reclaim  kind = "reclaim"  // what is claimed, and no answer of the claim came
	answer   kind = "answer"   // a request ends, with this outcome
	find     kind = "find"     // attempts whose lease has ended
	settle   kind = "settle"   // results
	renew    kind = "renew"    // the leases of what the worker has in hand
	crash    kind = "crash"    // the worker starts anew and remembers nothing
	expire   kind = "expire"   // a lease ends
	pass     kind = "pass"     // the wait for the next attempt passes
)

// kinds are in the order in which rapid likes to draw them.
var kinds = []kind{settle, answer, pass, claim, find, expire, commit, renew, enqueue, reclaim, rollback, crash, cancel}

// How much of a statement its worker learns.
const (
	heard   = ""
	unheard = ", its answer is lost"    // it was carried out
	lost    = ", it is lost on its way" // it was not
)

// token names an attempt of a notification. Notifications are counted from 0, in
// the order of their birth, attempts from 1.
type token struct{ row, attempt int }

func (t token) String() string { return fmt.Sprintf("%d of notification %d", t.attempt, t.row) }

// step is one thing that happens. Which fields it uses depends on its kind.
type step struct {
	kind   kind
	worker int // 1 or 2
	order  int // from 1
	key    int // the dedupe key; 0: none
	plain  bool
	inTx   bool // in the business transaction, which is opened where it is not
	// endpoint and take say what is claimed.
	endpoint, take int
	row            int
	of             []token // what is answered or settled
	outcome        outbox.Outcome
	retryAfter     int // hours
	hearing        string
}

func (s step) String() string {
	var b strings.Builder
	if s.worker > 0 {
		fmt.Fprintf(&b, "worker %d: ", s.worker)
	}
	b.WriteString(string(s.kind))
	switch s.kind {
	case enqueue:
		fmt.Fprintf(&b, " for order %d", s.order)
		if s.key > 0 {
			fmt.Fprintf(&b, " with key %d", s.key)
		}
		if s.plain {
			b.WriteString(", by INSERT")
		}
	case cancel:
		fmt.Fprintf(&b, " order %d", s.order)
	case claim:
		fmt.Fprintf(&b, " up to %d of endpoint %d", s.take, s.endpoint)
	case expire, pass:
		fmt.Fprintf(&b, ", notification %d", s.row)
	case answer, settle:
		for _, t := range s.of {
			fmt.Fprintf(&b, " attempt %s", t)
		}
	}
	if s.outcome != "" {
		fmt.Fprintf(&b, ": %s", s.outcome)
	}
	if s.retryAfter > 0 {
		fmt.Fprintf(&b, ", Retry-After %d h", s.retryAfter)
	}
	if s.inTx {
		b.WriteString(", in the open transaction")
	}
	return b.String() + s.hearing
}

// GoString is how rapid shows what it drew.
func (s step) GoString() string { return s.String() }

// reply is what a step was answered with.
type reply struct {
	claims []claimed // claimed, reclaimed or found
	rows   []int     // renewed
	moved  []moved
	held   []int // not settled, because somebody's transaction holds them
	number int   // how many were cancelled; which notification was enqueued
	failed string
}

func (r reply) String() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	for _, c := range r.claims {
		add("%s", c)
	}
	for _, row := range r.rows {
		add("%d is renewed", row)
	}
	for _, m := range r.moved {
		add("%d goes %s", m.row, m.state)
	}
	for _, row := range r.held {
		add("%d is held", row)
	}
	if r.number != 0 {
		add("%d", r.number)
	}
	if r.failed != "" {
		add("an error: %s", r.failed)
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

func (r reply) equal(other reply) bool {
	return slices.Equal(r.claims, other.claims) && slices.Equal(r.rows, other.rows) && slices.Equal(r.moved, other.moved) &&
		slices.Equal(r.held, other.held) && r.number == other.number && r.failed == other.failed
}

// claimed is an attempt as a claim describes it.
type claimed struct {
	token
	rung, unknowns int
}

func (c claimed) String() string {
	return fmt.Sprintf("attempt %s after %d rungs and %d unknowns", c.token, c.rung, c.unknowns)
}

// moved is a notification that a settle has moved.
type moved struct {
	row   int
	state outbox.State
}

// store is what steps are made on: PostgreSQL, or its restatement in Go.
type store interface {
	// do makes a step.
	do(s step) reply
	// standings says where each notification stands.
	standings() []standing
}
