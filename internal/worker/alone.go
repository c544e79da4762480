package worker

import (
	"context"
	"sync"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// alone settles rows that have a hook, each in a transaction of its own, in its endpoint's
// turn: a hook that takes long holds up no batch, and no other endpoint's hooks.
type alone struct {
	store    Alone
	turns    *turns
	leases   *leases
	reporter *reporter
	faults   *faults

	mu     sync.Mutex
	ready  []lone
	left   int // that are not settled yet
	closed bool
	more   chan struct{}
}

// lone is a result that is to be settled; settled is closed when it is, or is given up.
type lone struct {
	*outbox.Settlement
	settled chan struct{}
}

// longestHeld is the longest pause before a row is tried again that somebody holds: its
// hook is called each time, and undone.
const longestHeld = time.Second

func newAlone(store Alone, turns *turns, leases *leases, reporter *reporter, faults *faults) *alone {
	return &alone{store: store, turns: turns, leases: leases, reporter: reporter, faults: faults, more: make(chan struct{}, 1)}
}

// settle hands over a result. What it returns is closed once that is settled.
func (a *alone) settle(s *outbox.Settlement) (settled <-chan struct{}) {
	one := lone{s, make(chan struct{})}
	a.mu.Lock()
	a.ready = append(a.ready, one)
	a.left++
	a.mu.Unlock()
	signal(a.more)
	return one.settled
}

// close lets run return once everything is settled.
func (a *alone) close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	signal(a.more)
}

// waiting is how many results are not settled yet.
func (a *alone) waiting() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.left
}

func (a *alone) take() (ready []lone, closed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ready, a.ready = a.ready, nil
	return ready, a.closed
}

// run settles until it is closed and nothing is left, or ctx ends.
func (a *alone) run(ctx context.Context) {
	var settling sync.WaitGroup
	defer settling.Wait()
	for ctx.Err() == nil {
		ready, closed := a.take()
		for _, one := range ready {
			settling.Go(func() {
				defer close(one.settled)
				a.write(ctx, one.Settlement)
			})
		}
		if closed && len(ready) == 0 {
			return
		}
		if closed {
			continue
		}
		select {
		case <-ctx.Done():
		case <-a.more:
		}
	}
}

// write settles one result, however often that must be tried.
func (a *alone) write(ctx context.Context, s *outbox.Settlement) {
	for pause := heldPause; a.turns.take(ctx, s.Claim.Endpoint); pause = min(2*pause, longestHeld) {
		began := time.Now()
		went, held, err := a.store.SettleAlone(ctx, s)
		a.turns.end(s.Claim.Endpoint, time.Since(began))
		switch {
		case ctx.Err() != nil:
			return
		case a.faults.meet("settle alone", err):
			sleep(ctx, a.faults.pause())
		case held:
			sleep(ctx, pause)
		default:
			a.settled(s, went)
			a.mu.Lock()
			a.left--
			a.mu.Unlock()
			return
		}
	}
}

// settled lets go of the lease and reports.
func (a *alone) settled(s *outbox.Settlement, went outbox.Settled) {
	a.leases.drop(s.Claim)
	if went.State == "" {
		a.reporter.gone(s)
		return
	}
	a.reporter.settled(s, went)
}

// settle hands a result to whoever settles such rows. Of one with a hook it returns what is
// closed when it is settled; a nil channel otherwise.
func (w *Worker) settle(s *outbox.Settlement) (settled <-chan struct{}) {
	if s.Claim.Alone {
		return w.alone.settle(s)
	}
	w.settler.settle(s)
	return nil
}

// hooked waits until rows with hooks are settled: their requests keep their slots so long.
// Where hooks take long, it is as if the endpoint did, and fewer rows are claimed for it.
func hooked(ctx context.Context, settled ...<-chan struct{}) {
	for _, one := range settled {
		if one == nil {
			continue
		}
		select {
		case <-one:
		case <-ctx.Done():
		}
	}
}
