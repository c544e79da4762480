package worker

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// stamps notes the time of each attempt.
type stamps struct {
	strict
	at []time.Time
}

func (s *stamps) Deliver(_ context.Context, claim *outbox.Claim) outbox.Result {
	s.at = append(s.at, claim.At)
	return outbox.Result{Outcome: outbox.OutcomeAnswered, HTTPStatus: 500}
}

// Each attempt carries the time at which it is made, by the database's clock, however wrong
// our own is.
func TestAttemptsCarryTheDatabasesTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		courier := &stamps{}
		looks := &eyes{full: outbox.Look{At: time.Now().Add(42 * time.Hour)}}
		_, register := testDirectory()
		w := New(Parts{Looks: looks, Settles: &book{}, Register: register, Courier: courier},
			Options{Name: "w1", Concurrency: 1, Lease: 8 * time.Second, Log: slog.New(slog.DiscardHandler)})
		if !w.look(t.Context()) {
			t.Fatal("the look failed")
		}
		began := time.Now()
		for range 2 {
			time.Sleep(time.Second)
			claim := &outbox.Claim{ID: outbox.ID{1}, Attempt: 1, Policy: &outbox.Policy{}}
			w.leases.hold(claim, time.Now())
			w.carry(t.Context(), errand{claim: claim, endpoint: &outbox.Endpoint{}})
		}
		for i, at := range courier.at {
			if got := at.Sub(began); got != 42*time.Hour+time.Duration(i+1)*time.Second {
				t.Errorf("attempt %d carries a time %v after its worker's", i+1, got)
			}
		}
	})
}

func (*stamps) DeliverBatch(context.Context, []*outbox.Claim) []outbox.Result {
	panic("no endpoint here has batches")
}
