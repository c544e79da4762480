package worker

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

// filler fetches what to send: nothing, or an error.
type filler struct {
	Claims
	filled []int // how many rows at a time
	err    error
}

func (f *filler) Fill(_ context.Context, claims []*outbox.Claim) (gone []*outbox.Claim, err error) {
	f.filled = append(f.filled, len(claims))
	return nil, f.err
}

// hanging is a courier whose endpoints answer after a time.
type hanging struct {
	strict
	after time.Duration
}

func (h hanging) Deliver(ctx context.Context, _ *outbox.Claim) outbox.Result {
	sleep(ctx, h.after)
	return outbox.Result{Outcome: outbox.OutcomeAcknowledged, Elapsed: h.after}
}

// sent lets a worker of four slots send some claims, and returns how many came to
// each outcome by then.
func sent(t *testing.T, claims int, fill Claims, answer, then time.Duration) map[outbox.Outcome]int {
	t.Helper()
	b := &book{}
	log := slog.New(slog.DiscardHandler)
	_, register := testDirectory()
	w := New(Parts{Claims: fill, Settles: b, Register: register, Courier: hanging{after: answer}},
		Options{Name: "w1", Concurrency: 4, Lease: 8 * time.Second, Log: log})
	batch := make([]errand, claims)
	for i := range batch {
		claim := &outbox.Claim{ID: outbox.ID{byte(i)}, Attempt: 1, Policy: &outbox.Policy{}}
		batch[i] = errand{claim: claim, endpoint: &outbox.Endpoint{}}
		w.leases.hold(claim, time.Now())
	}
	w.slots.expect(batch)
	w.claimed <- batch
	go w.send(t.Context(), t.Context())
	time.Sleep(then)
	synctest.Wait()
	came := map[outbox.Outcome]int{}
	results, _ := w.settler.take(claims)
	for _, s := range results {
		came[s.Result.Outcome]++
	}
	close(w.claimed)
	time.Sleep(answer)
	close(w.errands)
	w.carriers.Wait()
	if w.slots.taken != 0 || w.slots.slow != 0 || w.slots.waiting != 0 {
		t.Errorf("%d and %d slots are taken at the end, and %d rows wait", w.slots.taken, w.slots.slow, w.slots.waiting)
	}
	return came
}

func TestSendGoesOnAsSlotsComeFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fill := &filler{}
		came := sent(t, 10, fill, 100*time.Millisecond, time.Minute)
		if diff := cmp.Diff(map[outbox.Outcome]int{outbox.OutcomeAcknowledged: 10}, came); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		for _, n := range fill.filled {
			if n > 4 {
				t.Errorf("%d bodies were fetched for 4 slots", n)
			}
		}
	})
}

// Rows that were claimed ahead of slots that then hang are not kept from others.
func TestSendHandsBackWhatGetsNoSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// Four begin, and four more when those have moved to slow slots.
		came := sent(t, 10, &filler{}, time.Minute, slowAfter+slotWait+watchEvery)
		if diff := cmp.Diff(map[outbox.Outcome]int{outbox.OutcomeInterrupted: 2}, came); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
	})
}

func TestSendHandsBackWhatCannotBeFetched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		came := sent(t, 3, &filler{err: errors.New("the database is away")}, 0, time.Minute)
		if diff := cmp.Diff(map[outbox.Outcome]int{outbox.OutcomeInterrupted: 3}, came); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
	})
}

// picky refuses to fetch anything together with one row.
type picky struct {
	filler
	bad outbox.ID
}

func (p *picky) Fill(_ context.Context, claims []*outbox.Claim) (gone []*outbox.Claim, err error) {
	for _, claim := range claims {
		if claim.ID == p.bad {
			return nil, errors.New("it cannot be read")
		}
	}
	return nil, nil
}

// A row that cannot be fetched holds up no other.
func TestOneRowThatCannotBeFetchedHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		came := sent(t, 4, &picky{bad: outbox.ID{2}}, 0, time.Minute)
		if diff := cmp.Diff(map[outbox.Outcome]int{outbox.OutcomeAcknowledged: 3, outbox.OutcomeInterrupted: 1}, came); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
	})
}

// takes tells how many rows a claim asks for.
type takes struct {
	Claims
	asked []int
}

func (c *takes) Claim(_ context.Context, lanes []outbox.Lane, _, _ []string) ([]*outbox.Claim, error) {
	for _, lane := range lanes {
		c.asked = append(c.asked, lane.Take)
	}
	return nil, nil
}

// While nothing can be fetched, each row that is claimed is an attempt that comes to
// nothing: one at a time, until it goes well.
func TestFewAreClaimedWhileNothingCanBeFetched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		claims := &takes{}
		_, register := testDirectory()
		w := New(Parts{Claims: claims, Settles: &registry{}, Register: register, Courier: strict{}},
			Options{Name: "w1", Concurrency: 4, Lease: lasting, Log: slog.New(slog.DiscardHandler)})
		for _, err := range []error{errors.New("permission denied"), nil} {
			w.faults.meet("fetch", err)
			w.lanes.add([]string{"a"}, time.Time{})
			w.serve(t.Context())
		}
		if diff := cmp.Diff([]int{1, 4}, claims.asked); diff != "" {
			t.Errorf("rows asked for (-want +got):\n%s", diff)
		}
	})
}

func (hanging) DeliverBatch(context.Context, []*outbox.Claim) []outbox.Result {
	panic("no endpoint here has batches")
}
