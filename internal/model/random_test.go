package model_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/orderbell/orderbell/internal/outbox"
)

// play makes a step on a store and on the model, and returns what is wrong with it.
func play(st store, m *model, s step, before []standing) (after []standing, problems []string) {
	if err := m.do(s, st.do(s)); err != nil {
		return nil, []string{err.Error()}
	}
	after = st.standings()
	problems = slices.Concat(differences(after, m.standings()), violations(before, after, len(m.ladder.rungs)), m.twice())
	return after, problems
}

// outcomes are in the order in which rapid likes to draw them.
var outcomes = []outbox.Outcome{
	outbox.OutcomeAcknowledged, outbox.OutcomeAnswered, outbox.OutcomeUnknown, outbox.OutcomeTimeout,
	outbox.OutcomeUnreachable, outbox.OutcomeInterrupted, outbox.OutcomeBlocked, outbox.OutcomeRejected,
}

// How often each kind of step is made where it can be. Where answers are slow, more
// leases end before them.
var (
	hasty = map[kind]int{
		settle: 8, answer: 8, pass: 8, claim: 10, find: 6, expire: 6, commit: 4, renew: 2, enqueue: 4,
		reclaim: 2, rollback: 2, crash: 1, cancel: 1,
	}
	slow = map[kind]int{
		settle: 16, answer: 2, pass: 8, claim: 10, find: 12, expire: 12, commit: 4, renew: 1, enqueue: 4,
		reclaim: 2, rollback: 2, crash: 1, cancel: 1,
	}
)

// choice lists the kinds of steps that can be made now, by their weights.
func (m *model) choice(in scope, weights map[kind]int) (all []kind) {
	for _, k := range kinds {
		if len(m.possible(k, in)) > 0 {
			all = append(all, slices.Repeat([]kind{k}, weights[k])...)
		}
	}
	return all
}

// TestRandomSequences says after each step how PostgreSQL differs from the model.
// What rapid drew is the sequence, the shortest that it found.
func TestRandomSequences(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	in := scope{orders: 3, keys: 2, takes: []int{1, 2, 9}, outcomes: outcomes, retryAfter: 9, lost: true, deaf: true}
	met := make(map[string]int)
	rapid.Check(t, func(t *rapid.T) {
		m := &model{endpoints: 2, ladder: ladder{rungs: []int{1, 2}, retryAfterCap: 4}}
		on := d.sequence(t, m)
		in := in
		in.rows = rapid.IntRange(1, 3).Draw(t, "rows")
		tempo := hasty
		if rapid.Bool().Draw(t, "slow answers") {
			tempo = slow
		}
		var now []standing
		t.Repeat(map[string]func(*rapid.T){"step": func(t *rapid.T) {
			k := rapid.SampledFrom(m.choice(in, tempo)).Draw(t, "kind")
			s := rapid.SampledFrom(m.possible(k, in)).Draw(t, "step")
			after, problems := play(on, m, s, now)
			if len(problems) > 0 {
				t.Fatalf("%s:\n%s", s, strings.Join(problems, "\n"))
			}
			count(met, s, now, after)
			now = after
		}})
		if n := on.strays(); n > 0 {
			t.Fatalf("%d deliveries are of nobody's notification", n)
		}
	})
	for _, what := range slices.Sorted(maps.Keys(met)) {
		t.Logf("%6d %s", met[what], what)
	}
}

// count notes what steps have come to, to see that the random ones get around.
func count(met map[string]int, s step, before, after []standing) {
	met[string(s.kind)+s.hearing]++
	for row, now := range after {
		if row < len(before) && before[row].State != now.State {
			met[fmt.Sprintf("%s: %s to %s", s.kind, before[row].State, now.State)]++
		}
	}
}
