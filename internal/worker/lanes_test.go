package worker

import (
	"testing"
	"time"

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
	l.add([]string{"a", "b", "c", "a"}, time.Time{})
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
	l.add([]string{"big", "b", "c"}, time.Time{})
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
	l.add([]string{"a", "b"}, time.Time{})
	l.keep(l.next(4), claimsOf("a", "b", "b"))
	turn := l.next(4)
	if len(turn) != 1 || turn[0].Endpoint != "b" {
		t.Errorf("next turn is %v, wanted b alone", turn)
	}
	l.add([]string{"a"}, time.Time{})
	if l.empty() {
		t.Error("a look named the lane again, and it did not come back")
	}
}

// A busy lane goes on where it got to, unless a look has seen something before that.
func TestLanesRememberTheirPlace(t *testing.T) {
	t.Parallel()
	at := func(s int64) time.Time { return time.Unix(1_000_000+s, 0) }
	claimed := []*outbox.Claim{{Endpoint: "a", Due: at(7)}, {Endpoint: "a", Due: at(5)}}
	for name, test := range map[string]struct {
		look func(l *lanes)
		want time.Time
	}{
		"no look":                      {func(*lanes) {}, at(7)},
		"a look, of later rows":        {func(l *lanes) { l.add([]string{"a"}, at(9)) }, at(7)},
		"a look, of earlier rows":      {func(l *lanes) { l.add([]string{"a"}, at(3)) }, at(3)},
		"a full look, of any rows":     {func(l *lanes) { l.add([]string{"a"}, time.Time{}) }, time.Time{}},
		"a look at something else":     {func(l *lanes) { l.add([]string{"b"}, at(3)) }, at(7)},
		"it left, and a look names it": {func(l *lanes) { l.keep(l.next(9), nil); l.add([]string{"a"}, at(8)) }, at(8)},
	} {
		var l lanes
		l.add([]string{"a"}, time.Time{})
		l.keep(l.next(2), claimed)
		test.look(&l)
		if got := l.next(1)[0].From; !got.Equal(test.want) {
			t.Errorf("%s: claims from %v, want %v", name, got, test.want)
		}
	}
}

func TestOneClaimServesABoundedNumberOfLanes(t *testing.T) {
	t.Parallel()
	var l lanes
	for i := range 1000 {
		l.add([]string{string(rune('a' + i))}, time.Time{})
	}
	if n := len(l.next(256)); n != claimLanes {
		t.Errorf("one turn has %d lanes, wanted %d", n, claimLanes)
	}
}
