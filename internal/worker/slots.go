package worker

import "context"

// slots bounds the requests in flight: each holds one.
type slots chan struct{}

// acquire waits for a free slot and takes all that are free, up to most; it
// returns 0 when ctx ends first.
func (s slots) acquire(ctx context.Context, most int) int {
	select {
	case s <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	for n := 1; n < most; n++ {
		select {
		case s <- struct{}{}:
		default:
			return n
		}
	}
	return most
}

func (s slots) release(n int) {
	for range n {
		<-s
	}
}
