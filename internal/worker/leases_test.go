package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

const lasting = 8 * time.Second

// registry is where leases are renewed, until it is away.
type registry struct {
	book
	mu      sync.Mutex
	away    bool
	renewed int
}

func (r *registry) Renew(_ context.Context, claims []*outbox.Claim) ([]outbox.ID, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away {
		return nil, errAway
	}
	r.renewed++
	var ids []outbox.ID
	for _, claim := range claims {
		ids = append(ids, claim.ID)
	}
	return ids, nil
}

func (r *registry) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away = true
}

// slow is a courier whose endpoints answer after a time, if they may.
type slow struct {
	strict
	after time.Duration
}

func (s slow) Deliver(ctx context.Context, _ *outbox.Claim) outbox.Result {
	sleep(ctx, s.after)
	if ctx.Err() != nil {
		return outbox.Result{Outcome: outbox.OutcomeInterrupted, Error: "the worker was stopping"}
	}
	return outbox.Result{Outcome: outbox.OutcomeAcknowledged}
}

func leasedWorker(t *testing.T, r *registry, after time.Duration) *Worker {
	t.Helper()
	_, register := testDirectory()
	w := New(Parts{Settles: r, Register: register, Courier: slow{after: after}},
		Options{Name: "w1", Concurrency: 1, Lease: lasting, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go w.leases.run(ctx)
	return w
}

// A request may take longer than a lease, as long as that can be renewed.
func TestARequestLivesOnRenewals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &registry{}
		w := leasedWorker(t, r, 5*lasting)
		claim := result(1, 1).Claim
		w.leases.hold(claim, time.Now())
		if got := w.deliver(t.Context(), claim); got.Outcome != outbox.OutcomeAcknowledged {
			t.Errorf("it is %s: %s", got.Outcome, got.Error)
		}
		if want := int(5 * lasting / renewEvery); r.renewed < want-1 {
			t.Errorf("renewed %d times in %v", r.renewed, 5*lasting)
		}
	})
}

// Where it cannot be renewed, sending stops when the lease ends, which is counted
// from before the last renewal was sent; nobody knows what the endpoint saw.
func TestSendingStopsWithTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &registry{}
		w := leasedWorker(t, r, 5*lasting)
		claim := result(1, 1).Claim
		began := time.Now()
		w.leases.hold(claim, began)
		time.AfterFunc(renewEvery+time.Second, r.leave)
		got := w.deliver(t.Context(), claim)
		if got.Outcome != outbox.OutcomeUnknown {
			t.Errorf("it is %s: %s", got.Outcome, got.Error)
		}
		if took := time.Since(began); took != renewEvery+lasting {
			t.Errorf("it was ended after %v, wanted the end of the renewed lease, %v", took, renewEvery+lasting)
		}
		if w.leases.lasts(claim) || !w.leases.holds(claim) {
			t.Error("an ended lease lasts, or its attempt is no longer ours to settle")
		}
	})
}

// A worker that is stopping hands back, and does not call it unknown.
func TestStoppingIsNoEndedLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := leasedWorker(t, &registry{}, time.Minute)
		claim := result(1, 1).Claim
		w.leases.hold(claim, time.Now())
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if got := w.deliver(ctx, claim); got.Outcome != outbox.OutcomeInterrupted {
			t.Errorf("it is %s", got.Outcome)
		}
	})
}

// A row that has waited too long in memory is not begun.
func TestNothingIsBegunAfterTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &registry{away: true}
		w := leasedWorker(t, r, 0)
		claim := result(1, 1).Claim
		claim.Policy = &outbox.Policy{}
		w.leases.hold(claim, time.Now())
		time.Sleep(lasting)
		w.slots.change(func() { w.slots.taken++ })
		w.runErrand(t.Context(), errand{claim: claim, endpoint: &outbox.Endpoint{}})
		batch, _ := w.settler.take(1)
		if len(batch) != 1 || batch[0].Result.Outcome != outbox.OutcomeInterrupted {
			t.Errorf("it is %v", batch)
		}
	})
}

// An older attempt's renewal or end does nothing to a newer lease of the same row.
func TestLeasesAreOfAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLeases(&registry{}, noLimits(), lasting, &faults{log: slog.New(slog.DiscardHandler)})
		first, second := result(1, 1).Claim, result(1, 2).Claim
		sent := time.Now()
		l.hold(first, sent)
		time.Sleep(lasting)
		l.hold(second, time.Now())
		l.extend([]outbox.ID{first.ID}, sent.Add(lasting))
		l.drop(first)
		if !l.lasts(second) || l.lasts(first) || l.holds(first) {
			t.Error("the second attempt's lease is not what it was")
		}
	})
}

// recaller has carried out claims that were not answered.
type recaller struct {
	Claims
	err   error
	taken []*outbox.Claim
	asked [][]string
	since func() // happens while it is being asked
}

func (r *recaller) Claim(context.Context, []outbox.Lane, []string, []string) ([]*outbox.Claim, error) {
	return nil, r.err
}

func (r *recaller) Reclaim(_ context.Context, lanes []outbox.Lane) ([]*outbox.Claim, error) {
	var names []string
	for _, lane := range lanes {
		names = append(names, lane.Endpoint)
	}
	r.asked = append(r.asked, names)
	if r.since != nil {
		r.since()
	}
	return r.taken, nil
}

type unsure struct{ error }

func (unsure) Unsure() bool { return true }

// What a claim has taken whose answer was lost is looked for and carried on, and its
// lease counts from that claim.
func TestLostClaimsAreRecalled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		claims := &recaller{err: unsure{errAway}}
		_, register := testDirectory()
		w := New(Parts{Claims: claims, Settles: &registry{}, Register: register, Courier: strict{}},
			Options{Name: "w1", Concurrency: 4, Lease: lasting, Log: slog.New(slog.DiscardHandler)})
		w.lanes.add([]string{"a", "b"}, time.Time{})
		if _, err := w.claim(t.Context(), w.turn(&w.lanes, room{prompt: 4})); err == nil {
			t.Fatal("a claim that failed did not say so")
		}
		if len(w.lanes.prompt) != 2 {
			t.Errorf("the lanes are %v after a claim that failed", names(w.lanes.prompt))
		}
		time.Sleep(time.Second)
		held := &outbox.Claim{ID: outbox.ID{1}, Attempt: 1, Endpoint: "a"}
		lost := &outbox.Claim{ID: outbox.ID{2}, Attempt: 3, Endpoint: "a"}
		w.leases.hold(held, time.Now())
		claims.taken, claims.err = []*outbox.Claim{held, lost}, nil
		claims.since = func() { w.leases.drop(held) } // it is settled, and the answer is older
		if _, err := w.claim(t.Context(), w.turn(&w.lanes, room{prompt: 4})); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][]string{{"a", "b"}}, claims.asked); diff != "" {
			t.Errorf("asked for (-want +got):\n%s", diff)
		}
		batch := <-w.claimed
		if len(batch) != 1 || batch[0].claim != lost {
			t.Fatalf("carried on: %v", batch)
		}
		time.Sleep(lasting - time.Second)
		if w.leases.lasts(lost) {
			t.Error("its lease counts from when it was found")
		}
		if _, err := w.claim(t.Context(), w.turn(&w.lanes, room{prompt: 4})); err != nil || len(claims.asked) != 1 {
			t.Errorf("asked again: %v, %v", claims.asked, err)
		}
	})
}

// A claim that the database has refused has taken nothing.
func TestRefusedClaimsLeaveNoDoubt(t *testing.T) {
	t.Parallel()
	claims := &recaller{err: errors.New("permission denied")}
	_, register := testDirectory()
	w := New(Parts{Claims: claims, Settles: &registry{}, Register: register, Courier: strict{}},
		Options{Name: "w1", Concurrency: 4, Lease: lasting, Log: slog.New(slog.DiscardHandler)})
	w.lanes.add([]string{"a"}, time.Time{})
	for range 2 {
		_, _ = w.claim(t.Context(), w.turn(&w.lanes, room{prompt: 4}))
	}
	if len(claims.asked) != 0 {
		t.Errorf("asked for %v", claims.asked)
	}
}

type absent struct{ error }

func (absent) Away() bool { return true }

// While the database does not take results, nothing is begun that would need it to;
// a result that it refuses holds up nobody.
func TestSettlesGoBeforeClaims(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		var err error = absent{errAway}
		b.settle = func([]*outbox.Settlement) ([]*outbox.Settlement, error) { return nil, err }
		s := testSettler(b)
		go s.run(t.Context())
		behind := func() bool { time.Sleep(2 * longestWait); synctest.Wait(); return s.behind() }
		s.settle(result(1, 1))
		if !behind() {
			t.Error("with a result that waits for the database, claims go on")
		}
		set := func(e error) { b.mu.Lock(); err = e; b.mu.Unlock() }
		set(errors.New("violates a constraint"))
		if behind() {
			t.Error("a result that is refused stops claims")
		}
		set(nil)
		if behind() || s.waiting() != 0 {
			t.Error("the result was not settled")
		}
		s.close()
	})
}

func (slow) DeliverBatch(context.Context, []*outbox.Claim) []outbox.Result {
	panic("no endpoint here has batches")
}
