package model_test

import (
	"hash/maphash"
	"slices"
	"testing"

	"github.com/orderbell/orderbell/internal/outbox"
)

// statements are the kinds of steps that are statements of the program.
var statements = []kind{claim, reclaim, find, settle, renew, cancel, commit}

// trial is a step from a situation, as far as the statement can tell it from others.
type trial struct {
	rows  [paperRows]paperRow
	does  string
	hands [paperRows][paperAttempts]paperHand
}

func trialOf(at situation, does step) trial {
	tried := trial{rows: at.paper.rows, does: does.String()}
	switch does.kind {
	case settle:
		for _, of := range does.of {
			tried.hands[of.row][of.attempt-1] = *at.paper.hand(does.worker, of)
		}
	case renew:
		tried.hands = at.paper.hands[does.worker]
	default:
	}
	return tried
}

// samples are searches that are short enough for PostgreSQL: one of all kinds of
// steps, and a longer one that is about late results.
func samples() []*search {
	every := scope{
		orders: 1, attempts: 4, takes: []int{1}, inVain: true, deaf: true, prompt: true,
		outcomes: []outbox.Outcome{acknowledged, answered, unknown},
	}
	late := scope{
		orders: 1, attempts: 4, takes: []int{1}, inVain: true, prompt: true,
		outcomes: []outbox.Outcome{acknowledged, answered},
		without:  []kind{commit, rollback, reclaim, renew, crash},
	}
	return []*search{{rows: 1, depth: 6, scope: every}, {rows: 1, depth: 8, scope: late}}
}

// TestEveryStatementFromEverySituation puts PostgreSQL into each situation that a
// search meets, and holds what each statement does there against the model. So the
// restatement, on which the search goes further, says what the SQL says.
func TestEveryStatementFromEverySituation(t *testing.T) {
	t.Parallel()
	l := ladder{rungs: []int{1}}
	d := newDatabase(t)
	on := d.sequence(t, &model{endpoints: paperRows, ladder: l})
	on.learnHolders()
	seed, known := maphash.MakeSeed(), make(map[uint64]bool)
	meets := func(at situation, does step) {
		hash := maphash.Comparable(seed, trialOf(at, does))
		if t.Failed() || known[hash] || does.hearing == lost || !slices.Contains(statements, does.kind) {
			return
		}
		known[hash] = true
		on.place(&at.paper)
		if stands := differences(on.standings(), at.now); len(stands) > 0 {
			t.Fatalf("it could not be placed: %v", stands)
		}
		if _, problems := play(on, at.model.clone(), does, at.now); len(problems) > 0 {
			t.Errorf("%s, from\n%v:\n%v", does, at.now, problems)
		}
	}
	for _, s := range samples() {
		s.rules, s.meets = properRules(l), meets
		if counterexample := s.run(l); counterexample != "" {
			t.Error(counterexample)
		}
		t.Logf("%d steps tried so far, here from %d situations", len(known), len(s.places))
	}
}
