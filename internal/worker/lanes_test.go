package worker

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// names are the endpoints of a turn.
func names(turn []*lane) (names []string) {
	for _, one := range turn {
		names = append(names, one.endpoint)
	}
	return names
}

// A lane with a large backlog is served again only after all others.
func TestLanesGoRoundRobin(t *testing.T) {
	t.Parallel()
	var l lanes
	l.add([]string{"big", "b", "c", "b"}, time.Time{})
	var order []string
	for range 5 {
		turn := l.next(1, 0)
		order = append(order, names(turn)...)
		l.enter(turn[0])
	}
	if diff := cmp.Diff([]string{"big", "b", "c", "big", "b"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// A lane that is not given back is empty until a look names it again.
func TestShortLaneLeaves(t *testing.T) {
	t.Parallel()
	var l lanes
	l.add([]string{"a"}, time.Time{})
	l.next(4, 0)
	if !l.empty() {
		t.Error("a lane in its turn is still in the round")
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
	for name, test := range map[string]struct {
		look func(l *lanes)
		want time.Time
	}{
		"no look":                      {func(*lanes) {}, at(7)},
		"a look, of later rows":        {func(l *lanes) { l.add([]string{"a"}, at(9)) }, at(7)},
		"a look, of earlier rows":      {func(l *lanes) { l.add([]string{"a"}, at(3)) }, at(3)},
		"a full look, of any rows":     {func(l *lanes) { l.add([]string{"a"}, time.Time{}) }, time.Time{}},
		"a look at something else":     {func(l *lanes) { l.add([]string{"b"}, at(3)) }, at(7)},
		"it left, and a look names it": {func(l *lanes) { l.next(9, 9); l.add([]string{"a"}, at(8)) }, at(8)},
		"a look while its turn is": {func(l *lanes) {
			turn := l.next(9, 9)
			l.add([]string{"a"}, at(3))
			l.enter(turn[0])
		}, at(3)},
	} {
		var l lanes
		l.enter(&lane{endpoint: "a", from: at(7)})
		test.look(&l)
		if got := l.next(1, 0)[0].from; !got.Equal(test.want) {
			t.Errorf("%s: claims from %v, want %v", name, got, test.want)
		}
	}
}

func TestOneClaimServesABoundedNumberOfLanes(t *testing.T) {
	t.Parallel()
	var l lanes
	for i := range 1000 {
		l.add([]string{string(rune('a' + i))}, time.Time{})
		l.queueSlow(&lane{endpoint: string(rune('a' + 2000 + i))})
	}
	if n := len(l.next(256, 256)); n != claimLanes {
		t.Errorf("one turn has %d lanes, wanted %d", n, claimLanes)
	}
}

// A lane that is full, or rests, is in no turn, whatever looks say of it, until it is put
// back: it costs nothing.
func TestLanesThatMayNotSend(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	var l lanes
	l.add([]string{"full", "rests", "well"}, now)
	turn := l.next(9, 0)
	l.putOff(turn[0])
	l.rest(turn[1], now.Add(time.Second))
	l.enter(turn[2])
	l.add([]string{"full", "rests", "well"}, time.Time{})
	l.wake(now, false)
	l.readmit([]string{"rests", "unknown"})
	if diff := cmp.Diff([]string{"well"}, names(l.next(9, 9))); diff != "" {
		t.Errorf("turn (-want +got):\n%s", diff)
	}
	if got := l.nextWake(); !got.Equal(now.Add(time.Second)) {
		t.Errorf("the next rest ends at %v", got)
	}
	l.wake(now.Add(time.Second), false)
	l.readmit([]string{"full"})
	if diff := cmp.Diff([]string{"rests", "full"}, names(l.next(9, 9))); diff != "" {
		t.Errorf("turn after that (-want +got):\n%s", diff)
	}
}

// A change of endpoints ends every rest.
func TestLanesWakeAllAtOnce(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	var l lanes
	for i, endpoint := range []string{"c", "a", "b"} {
		l.rest(&lane{endpoint: endpoint}, now.Add(time.Duration(3-i)*time.Hour))
	}
	l.wake(now, true)
	if diff := cmp.Diff([]string{"b", "a", "c"}, names(l.next(9, 9))); diff != "" || !l.nextWake().IsZero() {
		t.Errorf("turn (-want +got):\n%s", diff)
	}
}

// Where no bell is heard, lanes at rest are asked about every two seconds: somebody may have
// resumed them.
func TestRestsEndWhereNoBellIsHeard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := testWorker(&eyes{}, slog.New(slog.DiscardHandler))
		w.Bell = bell{live: false}
		w.gatherLanes()
		w.lanes.rest(&lane{endpoint: "a"}, time.Now().Add(time.Hour))
		time.Sleep(stale)
		if w.gatherLanes(); w.lanes.empty() {
			t.Error("it still rests")
		}
	})
}

// The slow round is served only for slow slots.
func TestSlowLanesWaitForSlowSlots(t *testing.T) {
	t.Parallel()
	var l lanes
	l.queueSlow(&lane{endpoint: "slow"})
	l.add([]string{"prompt"}, time.Time{})
	if diff := cmp.Diff([]string{"prompt"}, names(l.next(9, 0))); diff != "" {
		t.Errorf("turn (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"slow"}, names(l.next(0, 1))); diff != "" {
		t.Errorf("turn (-want +got):\n%s", diff)
	}
}
