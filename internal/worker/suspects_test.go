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

func (l *lineUp) Claim(_ context.Context, lanes []outbox.Lane, _ []string) ([]*outbox.Claim, error) {
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
