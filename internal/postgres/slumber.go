package postgres

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// hesitation is how many looks, a glance apart, must find nothing before a worker
	// that was busy asks for the lock. No commit rings until then, so it must look.
	hesitation = 5
	glance     = time.Millisecond
	// linger is how long a worker must be awake without a break before it lets go of
	// the lock. In light traffic it keeps it over each short work.
	linger = 20 * time.Millisecond
)

// slumber is whether the worker sleeps, and since when it does not.
type slumber struct {
	began  time.Time
	awake  atomic.Int64  // since when, counted from began; 0: asleep
	change chan struct{} // awake was changed
}

func newSlumber() *slumber {
	s := &slumber{began: time.Now(), change: make(chan struct{}, 1)}
	s.end()
	return s
}

func (s *slumber) begin() {
	if s.awake.Swap(0) != 0 {
		signal(s.change)
	}
}

func (s *slumber) end() {
	if s.awake.CompareAndSwap(0, max(1, int64(time.Since(s.began)))) {
		signal(s.change)
	}
}

func (s *slumber) asleep() bool { return s.awake.Load() == 0 }

// awakeFor is 0 for a worker that sleeps.
func (s *slumber) awakeFor() time.Duration {
	since := s.awake.Load()
	if since == 0 {
		return 0
	}
	return max(1, time.Since(s.began)-time.Duration(since))
}

// settled returns when the worker has been asleep for some looks; it makes it look.
func (s *slumber) settled(ctx context.Context, look func()) error {
	timer := time.NewTimer(glance)
	defer timer.Stop()
	for looks := 0; looks < hesitation; {
		var next <-chan time.Time
		if s.asleep() {
			timer.Reset(glance)
			next = timer.C
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the worker to sleep: %w", ctx.Err())
		case <-s.change:
			looks = 0
		case <-next:
			looks++
			look()
		}
	}
	return nil
}

// over returns when the worker has been awake for long enough, or ctx ends, or
// lost gives an error, which it returns.
func (s *slumber) over(ctx context.Context, lost <-chan error) error {
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for ctx.Err() == nil {
		awake := s.awakeFor()
		if awake >= linger {
			return nil
		}
		var next <-chan time.Time
		if awake > 0 {
			timer.Reset(linger - awake)
			next = timer.C
		}
		select {
		case err := <-lost:
			return err
		case <-ctx.Done():
		case <-s.change:
		case <-next:
		}
	}
	return nil
}
