package model_test

import (
	"fmt"
	"slices"

	"github.com/orderbell/orderbell/internal/outbox"
)

// violations says which promises a step has broken, by what was to be seen before
// and after it alone: the model may be wrong too.
func violations(before, after []standing, rungs int) (problems []string) {
	for row, now := range after {
		var was standing
		if row < len(before) {
			was = before[row]
		}
		for _, broken := range slices.Concat(standsWrong(now, rungs), movedWrong(was, now)) {
			problems = append(problems, fmt.Sprintf("notification %d: %s\n  was %v\n  is  %v", row, broken, was, now))
		}
	}
	return problems
}

// promises that are broken, in words.
type promises []string

func (p *promises) unless(kept bool, what string) {
	if !kept {
		*p = append(*p, what)
	}
}

// standsWrong looks at where a notification stands.
func standsWrong(s standing, rungs int) (broken promises) {
	broken.unless(s.Odd == "", s.Odd)
	broken.unless((s.State == outbox.InFlight) == (s.Holder > 0), "it is in flight without a worker, or has one without that")
	for i, r := range s.History {
		broken.unless(r.Attempt == i+1, "the attempts' numbers have a gap")
	}
	missing := s.Attempts - len(s.History)
	if s.State == outbox.InFlight {
		broken.unless(missing == 1, "attempts are missing, or the one in flight is recorded")
	} else {
		broken.unless(missing == 0, "attempts are missing")
	}
	var settled []attempt
	for _, r := range s.History[:min(len(s.History), s.settled())] {
		settled = append(settled, attempt{outcome: r.Outcome})
	}
	spends, unknowns := spent(settled)
	broken.unless(s.Rung == min(spends, rungs), "its rungs are not those that its attempts have spent")
	broken.unless(s.State.Finished() || s.Unknowns == unknowns, "its unknowns are not those of its attempts")
	broken.unless(s.State != outbox.Exhausted || spends == rungs+1, "it is exhausted and its ladder is not")
	broken.unless(!s.State.Finished() || s.Holder == 0 && s.EndsAs == "" && s.Wait == 0, "it is finished and not at rest")
	return broken
}

// settled is how many attempts have been settled.
func (s standing) settled() int {
	if s.State == outbox.InFlight {
		return s.Attempts - 1
	}
	return s.Attempts
}

// movedWrong looks at what has become of it.
func movedWrong(was, now standing) (broken promises) {
	if was.State == "" {
		return nil
	}
	kept := min(len(was.History), len(now.History))
	broken.unless(slices.Equal(was.History[:kept], now.History[:kept]) && kept == len(was.History), "its history was changed")
	broken.unless(now.Attempts >= was.Attempts, "its attempts became fewer")
	broken.unless(now.Rung >= was.Rung, "its rungs became fewer")
	if was.State.Finished() {
		broken.unless(same(was, now), "it was finished, and changed")
	} else if was.State != now.State {
		broken.unless(outbox.CanMove(was.State, now.State), "no picture shows this move")
	}
	return broken
}

// twice finds attempts in flight that two workers have in hand.
func (m *model) twice() (problems []string) {
	for row, n := range m.notifications {
		var holders []int
		for worker := range m.hands {
			if h := m.hand(worker, token{row, len(n.attempts)}); n.inFlight() && h != nil && !h.lapse {
				holders = append(holders, worker)
			}
		}
		if len(holders) > 1 || len(holders) == 1 && holders[0] != n.holder {
			problems = append(problems, fmt.Sprintf("notification %d is in the hands of %v, and of worker %d in the table", row, holders, n.holder))
		}
	}
	return problems
}
