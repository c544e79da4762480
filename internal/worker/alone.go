package worker

import (
	"context"
	"sync"

	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	// aloneAtOnce is how many rows are settled alone at the same time.
	aloneAtOnce = 4
	// aloneMost is how many may wait for it before nothing is claimed any more.
	aloneMost = 256
)

// alone settles rows that have a hook, each in a transaction of its own: a hook that takes
// long holds up no batch. Results wait in the order in which they came.
type alone struct {
	store    Alone
	leases   *leases
	reporter *reporter
	faults   *faults

	mu     sync.Mutex
	ready  []*outbox.Settlement
	closed bool
	more   chan struct{}
}

func newAlone(store Alone, leases *leases, reporter *reporter, faults *faults) *alone {
	return &alone{store: store, leases: leases, reporter: reporter, faults: faults, more: make(chan struct{}, aloneAtOnce)}
}

func (a *alone) settle(s *outbox.Settlement) {
	a.mu.Lock()
	a.ready = append(a.ready, s)
	a.mu.Unlock()
	signal(a.more)
}

// close lets run return once everything is settled.
func (a *alone) close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	for range aloneAtOnce {
		signal(a.more)
	}
}

func (a *alone) waiting() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.ready)
}

// crowded tells that results pile up: hooks are slow, or the database is away.
func (a *alone) crowded() bool { return a.waiting() > aloneMost }

func (a *alone) take() (s *outbox.Settlement, closed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.ready) == 0 {
		return nil, a.closed
	}
	s, a.ready = a.ready[0], a.ready[1:]
	return s, a.closed
}

// run settles until it is closed and nothing is left, or ctx ends.
func (a *alone) run(ctx context.Context) {
	var settling sync.WaitGroup
	for range aloneAtOnce {
		settling.Go(func() { a.runOne(ctx) })
	}
	settling.Wait()
}

func (a *alone) runOne(ctx context.Context) {
	for ctx.Err() == nil {
		s, closed := a.take()
		if s != nil {
			a.write(ctx, s)
			continue
		}
		if closed {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-a.more:
		}
	}
}

// write settles one result, or puts it back to be settled again.
func (a *alone) write(ctx context.Context, s *outbox.Settlement) {
	went, held, err := a.store.SettleAlone(ctx, s)
	switch {
	case ctx.Err() != nil:
		a.settle(s)
	case a.faults.meet("settle alone", err):
		sleep(ctx, a.faults.pause())
		a.settle(s)
	case held:
		sleep(ctx, heldPause)
		a.settle(s)
	default:
		a.settled(s, went)
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

// settle hands a result to whoever settles such rows.
func (w *Worker) settle(s *outbox.Settlement) {
	if s.Claim.Alone {
		w.alone.settle(s)
		return
	}
	w.settler.settle(s)
}

// crowded tells that what has come back cannot be written down as fast.
func (w *Worker) crowded() bool {
	return w.settler.behind() || w.settler.crowded(w.slots.most) || w.alone.crowded()
}
