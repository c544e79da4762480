package bench

import (
	"context"
	"errors"
	"time"

	"github.com/orderbell/orderbell/internal/bench/merchant"
)

// gather waits until messages have arrived, and returns the first arrival of each
// that did. Those that hang would make a wait without an end: it gives up when nothing
// is left to wait for, or at the given time, whichever comes first. It fails when
// whoever sends has ended.
func (r *rig) gather(ctx context.Context, messages []committed, until time.Time, ended <-chan struct{}) (map[string]merchant.Arrival, error) {
	const look = 5 * time.Millisecond
	found, missing := map[string]merchant.Arrival{}, map[string]bool{}
	for _, m := range messages {
		missing[m.id] = true
	}
	for {
		arrivals, err := r.merchant.Noted()
		if err != nil {
			return nil, err
		}
		for _, a := range arrivals {
			if missing[a.ID] {
				found[a.ID] = a
				delete(missing, a.ID)
			}
		}
		if len(missing) == 0 || time.Now().After(until) {
			return found, nil
		}
		select {
		case <-ended:
			return nil, errors.New("whoever sends has ended")
		default:
		}
		if err := pause(ctx, look); err != nil {
			return nil, err
		}
	}
}
