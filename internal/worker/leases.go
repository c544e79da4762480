package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	// renewEvery is the time between renewals: two may fail before a lease ends.
	renewEvery = 2500 * time.Millisecond
	// renewWithin bounds one renewal, so that there is time for another.
	renewWithin = 4 * time.Second
)

// errLeaseOver is the cause of a context that ended with its claim's lease.
var errLeaseOver = errors.New("the lease is over")

// leases keeps the rows in flight ours, from their claim to their settling, and ends
// the request of one whose lease could not be renewed: from then on another worker
// may send it.
type leases struct {
	store  Settles
	lease  time.Duration
	limits *limits
	faults *faults

	mu   sync.Mutex
	held map[outbox.ID]*lease
}

// lease is one row that is ours.
type lease struct {
	claim *outbox.Claim
	// until is when it ends, by our own monotonic clock. It is counted from before the
	// claim or the renewal was sent, so that the database's end is never earlier.
	until time.Time
	cut   *time.Timer // ends the request at that time; nil while none is in flight
}

func newLeases(store Settles, limits *limits, lasting time.Duration, faults *faults) *leases {
	return &leases{store: store, limits: limits, lease: lasting, faults: faults, held: make(map[outbox.ID]*lease)}
}

// hold takes note of a claim that was sent at that time.
func (l *leases) hold(claim *outbox.Claim, sent time.Time) {
	until := l.limits.ends(claim.Endpoint, sent.Add(l.lease))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[claim.ID] = &lease{claim: claim, until: until}
}

func (l *leases) drop(claim *outbox.Claim) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of(claim) != nil {
		delete(l.held, claim.ID)
	}
}

// of is the lease of this very attempt, or nil. The caller holds the lock.
func (l *leases) of(claim *outbox.Claim) *lease {
	if held := l.held[claim.ID]; held != nil && held.claim.Attempt == claim.Attempt {
		return held
	}
	return nil
}

// holds tells whether this attempt is ours, its lease over or not.
func (l *leases) holds(claim *outbox.Claim) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of(claim) != nil
}

// lasts tells whether this attempt's lease is not over.
func (l *leases) lasts(claim *outbox.Claim) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.of(claim)
	return held != nil && time.Now().Before(held.until)
}

// during returns a context that ends with the claim's lease, with errLeaseOver as
// its cause. done gives it back.
func (l *leases) during(ctx context.Context, claim *outbox.Claim) (leased context.Context, done func()) {
	leased, end := context.WithCancelCause(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.of(claim)
	if held == nil {
		end(errLeaseOver)
		return leased, func() {}
	}
	held.cut = time.AfterFunc(time.Until(held.until), func() { end(errLeaseOver) })
	return leased, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		held.cut.Stop()
		held.cut = nil
		end(nil)
	}
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
	for _, held := range l.held {
		claims = append(claims, held.claim)
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
		err := errors.Join(l.renewLimits(ctx), l.renew(ctx))
		if ctx.Err() == nil {
			l.faults.meet("renew", err)
		}
	}
}

// renewLimits renews the slots of endpoints' limits, before the rows that hold them.
func (l *leases) renewLimits(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, renewWithin)
	defer cancel()
	return l.limits.renew(ctx)
}

// renew renews what is held. With nothing to renew all is well: what failed before
// has been settled since.
func (l *leases) renew(ctx context.Context) error {
	claims := l.all()
	if len(claims) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, renewWithin)
	defer cancel()
	sent := time.Now()
	renewed, err := l.store.Renew(ctx, claims)
	if err == nil {
		l.extend(renewed, sent.Add(l.lease))
	}
	return err
}

// extend moves the end of leases. What was not renewed is no longer ours, or somebody
// holds the row and may do so for longer.
func (l *leases) extend(ids []outbox.ID, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		held := l.held[id]
		if held == nil {
			continue
		}
		ends := l.limits.ends(held.claim.Endpoint, until)
		if held.until.After(ends) {
			continue
		}
		held.until = ends
		if held.cut != nil {
			held.cut.Reset(time.Until(ends))
		}
	}
}
