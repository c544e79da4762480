package worker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestSlotsAreTakenTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(8)
		if n := s.acquire(t.Context()); n != 8 {
			t.Fatalf("took %d of 8 free slots", n)
		}
		go func() {
			for range 3 { // in a row, and then no more for long
				time.Sleep(gatherSlots / 10)
				s.release(1)
			}
			time.Sleep(time.Hour)
			s.release(4)
		}()
		began := time.Now()
		if n := s.acquire(t.Context()); n != 3 {
			t.Errorf("took %d, want the 3 that came free within a moment", n)
		}
		if waited := time.Since(began); waited > 2*gatherSlots {
			t.Errorf("waited %v", waited)
		}
		began = time.Now()
		if n := s.acquire(t.Context()); n != 4 {
			t.Errorf("took %d of 4", n)
		}
		if waited := time.Since(began); waited < time.Minute || waited > time.Hour {
			t.Errorf("half of them free, and it waited for more: %v", waited)
		}
	})
}

func TestSlotsEndWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		s.acquire(t.Context())
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if n := s.acquire(ctx); n != 0 {
			t.Errorf("took %d that were not free", n)
		}
		s.release(1)
		if n := s.acquire(t.Context()); n != 1 {
			t.Errorf("took %d of 1", n)
		}
	})
}
