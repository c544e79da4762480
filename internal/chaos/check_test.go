package chaos_test

import (
	"slices"
	"testing"

	"github.com/orderbell/orderbell/internal/chaos"
)

func TestAGoodRunPasses(t *testing.T) {
	t.Parallel()
	logs, allowed := goodRun()
	for _, v := range chaos.Check(logs, allowed) {
		t.Error(v)
	}
}

// Each line plants what a broken Orderbell would leave behind, and the checker must
// object by the name of the invariant, and by no other.
func TestTamperedLogsAreCaught(t *testing.T) {
	t.Parallel()
	caught := make(map[chaos.Invariant]bool)
	for _, test := range tampered {
		caught[test.invariant] = true
		t.Run(string(test.invariant)+"/"+test.name, func(t *testing.T) {
			t.Parallel()
			logs, allowed := goodRun()
			test.tamper(&logs, &allowed)
			found := chaos.Check(logs, allowed)
			if len(found) == 0 {
				t.Error("nothing was found")
			}
			for _, v := range found {
				if v.Invariant != test.invariant && !slices.Contains(test.also, v.Invariant) {
					t.Errorf("also found: %s", v)
				}
			}
			if !slices.ContainsFunc(found, func(v chaos.Violation) bool { return v.Invariant == test.invariant }) {
				t.Errorf("it is not among %v", found)
			}
		})
	}
	for _, i := range chaos.Invariants {
		if !caught[i] {
			t.Errorf("no tampered log for %q", i)
		}
	}
}

func TestTheCheckerDoesNotUseUpItsAllowance(t *testing.T) {
	t.Parallel()
	logs, allowed := goodRun()
	chaos.Check(logs, allowed)
	if found := chaos.Check(logs, allowed); len(found) > 0 {
		t.Errorf("the second time: %v", found)
	}
}
