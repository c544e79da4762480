package chaos_test

import (
	"slices"
	"testing"

	"github.com/orderbell/orderbell/internal/chaos"
)

// planted is a scene, and the mistakes that the checker must find in it. None of them
// is in the shipped sources: each is made in a copy.
type planted struct {
	scene string
	play  func(s *stage)
	bugs  []bug
}

type bug struct {
	name   string
	caught chaos.Invariant // by which it must be
	chaos.Bug
}

// The checker objects to each bug, by the invariant that it breaks.
func TestPlanted(t *testing.T) {
	t.Parallel()
	building := make(chan struct{}, 2) // each uses several processors itself
	for _, p := range slices.Concat(plantedInQuiet, plantedInFaults) {
		for _, b := range p.bugs {
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				building <- struct{}{}
				program := func() string { defer func() { <-building }(); return chaos.Plant(t, b.Bug) }()
				s := newStage(t, program)
				p.play(s)
				found := s.Violations(s.Logs())
				i := slices.IndexFunc(found, func(v chaos.Violation) bool { return v.Invariant == b.caught })
				if i < 0 {
					t.Fatalf("nothing is said of %q; there are %d other objections: %v", b.caught, len(found), found[:min(len(found), 5)])
				}
				t.Logf("one of %d objections: %s", len(found), found[i])
			})
		}
	}
}

// In the same scenes the checker has nothing against the program as it is shipped:
// what it finds there with a bug is the bug, and not the fault.
func TestPlantedNothing(t *testing.T) {
	t.Parallel()
	for _, p := range slices.Concat(plantedInQuiet, plantedInFaults) {
		t.Run(p.scene, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "")
			p.play(s)
			s.Check()
		})
	}
}
