package worker

import (
	"context"
	"sync"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// renewEvery is the time between renewals: two may fail before a lease ends.
const renewEvery = 2500 * time.Millisecond

// leases keeps the rows in flight ours, from their claim to their settling.
type leases struct {
	store  Settles
	lease  time.Duration
	faults *faults

	mu   sync.Mutex
	held map[outbox.ID]*outbox.Claim
}

func newLeases(store Settles, lease time.Duration, faults *faults) *leases {
	return &leases{store: store, lease: lease, faults: faults, held: make(map[outbox.ID]*outbox.Claim)}
}

func (l *leases) hold(claim *outbox.Claim) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[claim.ID] = claim
}

func (l *leases) drop(claim *outbox.Claim) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if held := l.held[claim.ID]; held != nil && held.Attempt == claim.Attempt {
		delete(l.held, claim.ID)
	}
}

// holds tells whether this attempt is ours.
func (l *leases) holds(claim *outbox.Claim) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.held[claim.ID]
	return held != nil && held.Attempt == claim.Attempt
}

func (l *leases) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held)
}

func (l *leases) all() []*outbox.Claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	claims := make([]*outbox.Claim, 0, len(l.held))
	for _, claim := range l.held {
		claims = append(claims, claim)
	}
	return claims
}

// run renews every lease that is held, until ctx ends.
func (l *leases) run(ctx context.Context) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := l.renew(ctx); ctx.Err() == nil {
			l.faults.meet("renew", err)
		}
	}
}

// renew renews what is held. With nothing to renew all is well: what failed before
// has been settled since.
func (l *leases) renew(ctx context.Context) error {
	claims := l.all()
	if len(claims) == 0 {
		return nil
	}
	// A renewal that comes after the lease would be of no use.
	ctx, cancel := context.WithTimeout(ctx, l.lease)
	defer cancel()
	_, err := l.store.Renew(ctx, claims)
	return err
}
