package worker

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

var errAway = errors.New("the database is away")

// eyes is what looks see.
type eyes struct {
	full   outbox.Look
	lapsed error
}

func (e *eyes) Look(context.Context, time.Time) (outbox.Look, error)     { return outbox.Look{}, nil }
func (e *eyes) FullLook(context.Context) (outbox.Look, error)            { return e.full, nil }
func (e *eyes) Lapsed(context.Context) (found []outbox.Lapse, err error) { return nil, e.lapsed }

func (*eyes) Queue(context.Context) (int, error) { return 0, nil }

func testWorker(looks Looks, log *slog.Logger) *Worker {
	_, register := testDirectory()
	return New(Parts{Looks: looks, Settles: &book{}, Register: register, Courier: strict{}},
		Options{Name: "w1", Concurrency: 1, Lease: 8 * time.Second, Log: log})
}

// Ended leases that are still there after they were to be settled are looked for
// again soon, and not when the next minute is over.
func TestEndedLeasesAreLookedForAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := testWorker(&eyes{full: outbox.Look{Lapsed: true}}, slog.New(slog.DiscardHandler))
		if !w.look(t.Context()) {
			t.Fatal("the look failed")
		}
		now := time.Now()
		if next := w.schedule.wakeAt(now, true).Sub(now); next > fullLookPause {
			t.Errorf("the next full look comes in %v, wanted %v at most", next, fullLookPause)
		}
	})
}

// A row of ours that we do not hold, as one that was edited by hand, is looked for when its
// lease ends; the rows that we hold are renewed.
func TestOwnLeasesEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for holds, want := range map[bool]time.Duration{false: 7 * time.Second, true: fullLookPause} {
			w := testWorker(&eyes{full: outbox.Look{OwnLeaseEnd: 7 * time.Second}}, slog.New(slog.DiscardHandler))
			if holds {
				w.leases.hold(&outbox.Claim{ID: outbox.ID{1}, Attempt: 1}, time.Now())
			}
			w.look(t.Context())
			if next := w.schedule.nextFull().Sub(w.schedule.lastFull); next != want {
				t.Errorf("holds leases: %t, the next full look comes in %v, wanted %v", holds, next, want)
			}
		}
	})
}

// Whatever failed in an outage, its end is told once nothing fails any more, also
// where what failed has not to be done again.
func TestTheEndOfAnOutageIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		looks := &eyes{full: outbox.Look{Lapsed: true}, lapsed: errAway}
		w := testWorker(looks, slog.New(slog.NewTextHandler(&out, nil)))
		w.look(t.Context())
		looks.full, looks.lapsed = outbox.Look{}, nil // another worker has settled them
		w.look(t.Context())
		if !strings.Contains(out.String(), "the database is back") || w.faults.streak != 0 {
			t.Errorf("after ended leases could not be read, and a look went well:\n%s", out.String())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		faults := &faults{log: slog.New(slog.NewTextHandler(&out, nil))}
		l := newLeases(&away{}, noLimits(), time.Second, faults)
		claim := result(1, 1).Claim
		l.hold(claim, time.Now())
		ctx, cancel := context.WithTimeout(t.Context(), 3*renewEvery)
		defer cancel()
		time.AfterFunc(renewEvery+time.Second, func() { l.drop(claim) })
		l.run(ctx)
		if !strings.Contains(out.String(), "the database is away") || !strings.Contains(out.String(), "the database is back") {
			t.Errorf("after a renewal failed, and its row was settled:\n%s", out.String())
		}
	})
}

// away renews nothing.
type away struct{ book }

func (*away) Renew(context.Context, []*outbox.Claim) ([]outbox.ID, error) { return nil, errAway }
