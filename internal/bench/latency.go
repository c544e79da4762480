package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/orderbell/orderbell/internal/bench/merchant"
)

// latencies are the times from one moment to the arrival of the same message, in
// milliseconds. A message that arrived earlier counts 0: its commit had happened
// before we knew of it. One that did not arrive is an error.
func latencies(from map[string]time.Time, arrivals []merchant.Arrival) ([]float64, error) {
	found := make([]float64, 0, len(from))
	seen := make(map[string]bool, len(from))
	for _, a := range arrivals {
		began, known := from[a.ID]
		if !known || seen[a.ID] {
			continue
		}
		seen[a.ID] = true
		found = append(found, max(ms(time.Unix(0, a.At).Sub(began)), 0))
	}
	if missing := len(from) - len(found); missing > 0 {
		return nil, fmt.Errorf("%d messages of %d did not arrive", missing, len(from))
	}
	return found, nil
}

// times are when messages were committed, by id.
func times(messages []committed) map[string]time.Time {
	found := make(map[string]time.Time, len(messages))
	for _, m := range messages {
		found[m.id] = m.at
	}
	return found
}

// arrivals waits until so many messages have arrived, and returns them.
func (r *rig) arrivals(ctx context.Context, want int, ended <-chan struct{}) ([]merchant.Arrival, error) {
	if _, err := r.waitForRequests(ctx, int64(want), ended); err != nil {
		return nil, err
	}
	return r.merchant.Noted()
}

// latencies writes the percentiles of latencies into the book.
func (b *book) latencies(found []float64, p50, p99, most string) {
	b.add(p50, percentile(found, 50))
	b.add(p99, percentile(found, 99))
	b.add(most, slices.Max(found))
}
