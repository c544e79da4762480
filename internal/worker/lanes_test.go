package worker

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

func claimsOf(endpoints ...string) []*outbox.Claim {
	claims := make([]*outbox.Claim, len(endpoints))
	for i, endpoint := range endpoints {
		claims[i] = &outbox.Claim{Endpoint: endpoint}
	}
	return claims
}

func TestLanesShareTheFreeSlots(t *testing.T) {
	t.Parallel()
	var l lanes
	l.add([]string{"a", "b", "c", "a"})
	want := []outbox.Lane{{Endpoint: "a", Take: 3}, {Endpoint: "b", Take: 2}, {Endpoint: "c", Take: 2}}
	if diff := cmp.Diff(want, l.next(7)); diff != "" {
		t.Errorf("turn (-want +got):\n%s", diff)
	}
	if !l.empty() {
		t.Error("lanes in their turn are still in the round")
	}
}

// A lane with a large backlog is served again only after all others.
func TestLanesGoRoundRobin(t *testing.T) {
	t.Parallel()
	var l lanes
	l.add([]string{"big", "b", "c"})
	turn := l.next(1)
	l.keep(turn, claimsOf("big"))
	var order []string
	for range 3 {
		turn := l.next(1)
		order = append(order, turn[0].Endpoint)
		l.keep(turn, claimsOf(turn[0].Endpoint))
	}
	if diff := cmp.Diff([]string{"b", "c", "big"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// A lane whose claim came back short is empty until a look names it again.
func TestShortLaneLeaves(t *testing.T) {
	t.Parallel()
	var l lanes
	l.add([]string{"a", "b"})
	l.keep(l.next(4), claimsOf("a", "b", "b"))
	turn := l.next(4)
	if len(turn) != 1 || turn[0].Endpoint != "b" {
		t.Errorf("next turn is %v, wanted b alone", turn)
	}
	l.add([]string{"a"})
	if l.empty() {
		t.Error("a look named the lane again, and it did not come back")
	}
}

func TestOneClaimServesABoundedNumberOfLanes(t *testing.T) {
	t.Parallel()
	var l lanes
	for i := range 1000 {
		l.add([]string{string(rune('a' + i))})
	}
	if n := len(l.next(256)); n != claimLanes {
		t.Errorf("one turn has %d lanes, wanted %d", n, claimLanes)
	}
}
