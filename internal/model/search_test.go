package model_test

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
)

// search makes every step from every situation, each situation once, in the order of
// how many steps it takes to get there.
type search struct {
	scope scope
	rules rules
	// rows is how many notifications there are, depth how many steps are made at the
	// most; 0: as many as there are.
	rows, depth int
	// meets is told of each situation and each step from it, where it is not nil.
	meets func(situation, step)

	longest, tried int // steps
	places         []place
	known          map[uint64]bool
	seed           maphash.Seed
}

// situation is what a search has arrived at: the same on paper and in the model.
type situation struct {
	paper paper
	model *model
	now   []standing
}

// place says how a situation was reached: which step led to it, and from where.
type place struct {
	from int
	by   step
}

// run returns the shortest sequence of steps that breaks a promise, in words, or
// nothing if none does.
func (s *search) run(l ladder) (counterexample string) {
	start := situation{paper: paper{rules: s.rules}, model: &model{ladder: l, endpoints: paperRows}}
	for order := 1; order <= s.rows; order++ {
		if start.now, _ = play(&start.paper, start.model, step{kind: enqueue, order: order}, start.now); start.now == nil {
			return "nothing can be enqueued"
		}
	}
	s.seed, s.known = maphash.MakeSeed(), make(map[uint64]bool)
	s.places = []place{{from: -1}}
	s.isNew(start.paper.sheet)
	frontier, first := []situation{start}, 0
	for made := 0; len(frontier) > 0 && (s.depth == 0 || made < s.depth); made++ {
		s.longest = made + 1
		var next []situation
		from := first
		first = len(s.places)
		for i := range frontier {
			found, counterexample := s.expand(&frontier[i], from+i)
			if counterexample != "" {
				return counterexample
			}
			next = append(next, found...)
			frontier[i] = situation{} // it is not needed any more
		}
		frontier = next
	}
	return ""
}

// expand makes every step from a situation, and returns the new ones that it leads to.
func (s *search) expand(at *situation, place int) (found []situation, counterexample string) {
	for _, k := range kinds {
		if k == enqueue {
			continue
		}
		for _, does := range at.model.possible(k, s.scope) {
			s.tried++
			if s.meets != nil {
				s.meets(*at, does)
			}
			to := situation{paper: at.paper, model: at.model.clone()}
			var problems []string
			to.now, problems = play(&to.paper, to.model, does, at.now)
			if len(problems) > 0 {
				return nil, s.tell(place, does, problems)
			}
			if s.isNew(to.paper.sheet) {
				s.remember(place, does)
				found = append(found, to)
			}
		}
	}
	return found, ""
}

func (s *search) remember(from int, by step) { s.places = append(s.places, place{from, by}) }

// isNew tells whether a situation, or one like it, is met for the first time.
func (s *search) isNew(at sheet) bool {
	least := maphash.Comparable(s.seed, at)
	for _, swap := range [][2]bool{{true, false}, {false, true}, {true, true}} {
		if !swap[0] || s.rows > 1 {
			least = min(least, maphash.Comparable(s.seed, at.swapped(swap[0], swap[1])))
		}
	}
	if s.known[least] {
		return false
	}
	s.known[least] = true
	return true
}

func (s *search) tell(place int, last step, problems []string) string {
	steps := []string{last.String()}
	for ; s.places[place].from >= 0; place = s.places[place].from {
		steps = append(steps, s.places[place].by.String())
	}
	slices.Reverse(steps)
	return fmt.Sprintf("after these %d steps:\n  %s\n%s", len(steps), strings.Join(steps, "\n  "), strings.Join(problems, "\n"))
}
