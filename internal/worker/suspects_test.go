package worker

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// lineUp gives suspect rows one at a time, as long as there are any.
type lineUp struct {
	Claims
	left   int
	wanted []outbox.Lane
}

func (l *lineUp) Claim(_ context.Context, lanes []outbox.Lane, _, _ []string) ([]*outbox.Claim, error) {
	l.wanted = append(l.wanted, lanes...)
	if l.left == 0 {
		return nil, nil
	}
	l.left--
	return []*outbox.Claim{{ID: outbox.ID{byte(l.left)}, Attempt: 3, Endpoint: "a", Unknowns: 2}}, nil
}

// One suspect row at a time is sent, until it has been in flight for a second: then
// it is merely slow, and the next one may go.
func TestSuspectsGoOneByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		claims := &lineUp{left: 3}
		_, register := testDirectory()
		w := New(Parts{Claims: claims, Settles: &registry{}, Register: register, Courier: strict{}},
			Options{Name: "w1", Concurrency: 4, Lease: lasting, Log: slog.New(slog.DiscardHandler)})
		w.suspects.lanes.add([]string{"a"}, time.Time{})
		begins := func() errand {
			t.Helper()
			if n := w.claimSuspect(t.Context()); n != 1 {
				t.Fatal("it does not begin")
			}
			batch := <-w.claimed
			w.slots.abandon(batch)
			return batch[0]
		}
		waits := func() {
			t.Helper()
			if n := w.claimSuspect(t.Context()); n != 0 {
				t.Fatal("another one begins beside it")
			}
		}
		first := begins()
		waits()
		w.leases.drop(first.claim) // settled
		begins()
		time.Sleep(headStart - time.Millisecond)
		waits()
		time.Sleep(time.Millisecond)
		w.leases.drop(begins().claim)
		if n := w.claimSuspect(t.Context()); n != 0 || w.suspects.waiting() {
			t.Error("there are more than there were")
		}
		for _, lane := range claims.wanted {
			if !lane.Suspects || lane.Take != 1 {
				t.Errorf("claimed for %+v", lane)
			}
		}
	})
}

// Looks name them, also a worker's own.
func TestLooksNameSuspects(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := testWorker(&eyes{full: outbox.Look{Suspects: []string{"a"}}}, slog.New(slog.DiscardHandler))
		if !w.look(t.Context()) || !w.suspects.waiting() || !w.lanes.empty() {
			t.Error("a look has found suspects, and nobody knows of them")
		}
	})
}

// A suspect lane that rests, or is full, comes back like any other.
func TestSuspectLanesComeBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := testWorker(&eyes{}, slog.New(slog.DiscardHandler))
		w.Bell = bell{live: true}
		w.suspects.lanes.rest(&lane{endpoint: "rests"}, time.Now().Add(time.Second))
		w.suspects.lanes.putOff(&lane{endpoint: "full"})
		w.gatherLanes()
		if w.suspects.waiting() {
			t.Error("one is back already")
		}
		time.Sleep(time.Second)
		w.slots.ended = []string{"full"}
		w.gatherLanes()
		if got := names(w.suspects.lanes.next(9, 0)); len(got) != 2 {
			t.Errorf("back are %v", got)
		}
	})
}

// One suspect row at a time, also to an endpoint that is slow, or while our own network is
// gone and a row finds out whether it is back.
func TestOneRowOfASuspectOrATrial(t *testing.T) {
	t.Parallel()
	s := newSlots(64)
	s.of("slow").isSlow = true
	turn := []*portion{{lane: &lane{endpoint: "slow"}, suspects: true}, {lane: &lane{endpoint: "a"}, trial: true}}
	s.divide(turn, room{prompt: 64, slow: 64}, func(string) int { return 0 })
	for _, p := range turn {
		if p.take != 1 {
			t.Errorf("%s may claim %d", p.endpoint, p.take)
		}
	}
}
