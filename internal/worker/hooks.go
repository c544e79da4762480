package worker

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/orderbell/orderbell/internal/outbox"
)

// hooks calls hooks again that have failed, beside the worker's other work.
type hooks struct {
	store    Alone
	reporter *reporter
	faults   *faults

	due chan map[string]*outbox.Policy // some are; and the policies, which nobody changes
}

func newHooks(store Alone, reporter *reporter, faults *faults) *hooks {
	return &hooks{store: store, reporter: reporter, faults: faults, due: make(chan map[string]*outbox.Policy, 1)}
}

// call has hooks called again that are due.
func (h *hooks) call(policies map[string]*outbox.Policy) {
	select {
	case h.due <- policies:
	default:
	}
}

// run calls what is due whenever a look says that something is, until ctx ends.
func (h *hooks) run(ctx context.Context) {
	for {
		var policies map[string]*outbox.Policy
		select {
		case <-ctx.Done():
			return
		case policies = <-h.due:
		}
		owed, err := h.store.Owed(ctx)
		if h.faults.meet("call hooks", err) {
			sleep(ctx, h.faults.pause())
			continue
		}
		if failed := h.callAll(ctx, owed, policies); failed {
			sleep(ctx, h.faults.pause()) // they are due still
		}
	}
}

// callAll calls some at a time, and tells whether one could not be called.
func (h *hooks) callAll(ctx context.Context, owed []outbox.Owed, policies map[string]*outbox.Policy) bool {
	var calling sync.WaitGroup
	var failed atomic.Bool
	slots := make(chan struct{}, aloneAtOnce)
	for _, one := range owed {
		select {
		case <-ctx.Done():
			calling.Wait()
			return false
		case slots <- struct{}{}:
		}
		calling.Go(func() {
			defer func() { <-slots }()
			went, err := h.store.CallOwed(ctx, one, policies[one.Policy])
			switch {
			case ctx.Err() != nil: // whoever comes next calls it
			case h.faults.meet("call hooks", err):
				failed.Store(true)
			case went.State != "":
				h.reporter.hooked(one, went)
			}
		})
	}
	calling.Wait()
	return failed.Load()
}
