package worker

import (
	"context"
	"sync"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// hooksPause follows a round in which nothing was to be called that is not being called.
const hooksPause = 250 * time.Millisecond

// hooks calls hooks again that have failed, beside the worker's other work.
type hooks struct {
	store    Alone
	turns    *turns
	reporter *reporter
	faults   *faults

	mu      sync.Mutex
	calling map[outbox.ID]bool

	due chan map[string]*outbox.Policy // some are; and the policies, which nobody changes
}

func newHooks(store Alone, turns *turns, reporter *reporter, faults *faults) *hooks {
	return &hooks{store: store, turns: turns, reporter: reporter, faults: faults, calling: make(map[outbox.ID]bool), due: make(chan map[string]*outbox.Policy, 1)}
}

// call has hooks called again that are due.
func (h *hooks) call(policies map[string]*outbox.Policy) {
	select {
	case h.due <- policies:
	default:
	}
}

// run calls what is due whenever a look says that something is, until ctx ends. Nobody waits
// for another endpoint's hook.
func (h *hooks) run(ctx context.Context) {
	var calling sync.WaitGroup
	defer calling.Wait()
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
		begun := 0
		for _, one := range owed {
			if h.begin(one.ID) {
				begun++
				calling.Go(func() {
					defer h.over(one.ID)
					h.callOne(ctx, one, policies[one.Policy])
				})
			}
		}
		if begun == 0 {
			sleep(ctx, hooksPause) // they are being called, here or elsewhere, and are due still
		}
	}
}

// begin notes that a row's hook is about to be called; false where it is being called.
func (h *hooks) begin(id outbox.ID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.calling[id] {
		return false
	}
	h.calling[id] = true
	return true
}

func (h *hooks) over(id outbox.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.calling, id)
}

// callOne calls the hook of one row, in its endpoint's turn.
func (h *hooks) callOne(ctx context.Context, one outbox.Owed, policy *outbox.Policy) {
	if !h.turns.take(ctx, one.Endpoint) {
		return
	}
	began := time.Now()
	went, err := h.store.CallOwed(ctx, one, policy)
	h.turns.end(one.Endpoint, time.Since(began))
	switch {
	case ctx.Err() != nil: // whoever comes next calls it
	case h.faults.meet("call hooks", err):
		sleep(ctx, h.faults.pause()) // it is due still
	case went.State != "":
		h.reporter.hooked(one, went)
	}
}
