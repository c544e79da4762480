package worker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// inFlight are n rows that have taken their slots.
func inFlight(t *testing.T, s *slots, n int) {
	t.Helper()
	s.expect(n)
	if got := s.take(t.Context(), n); got != n {
		t.Fatalf("%d rows took a slot, of %d", got, n)
	}
}

// A claim takes what is free, and what will be free within 10 ms.
func TestRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(64)
		if n := s.room(t.Context()); n != 64 {
			t.Fatalf("room for %d, want 64: nothing is in flight", n)
		}
		inFlight(t, s, 64)
		time.Sleep(2 * ahead)
		s.release(40)
		if n := s.room(t.Context()); n != 40+20 {
			t.Errorf("room for %d, want the 40 that are free and 20 that will soon be: 40 came free in 20 ms", n)
		}
		s.expect(50)
		s.take(t.Context(), 50) // leaves 10 that wait
		time.Sleep(2 * ahead)
		s.release(64)
		if n := s.room(t.Context()); n != 64+32-10 {
			t.Errorf("room for %d, want 86: 64 are free, 32 will soon be, 10 wait", n)
		}
	})
}

// Fast endpoints must not fill the memory with claims.
func TestRoomIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(2)
		inFlight(t, s, 2)
		s.room(nowOver(t))
		time.Sleep(time.Microsecond)
		s.release(2)
		if n := s.room(t.Context()); n != 2+aheadPerSlot*2 {
			t.Errorf("room for %d, want 10", n)
		}
	})
}

// nowOver is a context that has ended.
func nowOver(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// Endpoints that do not answer free no slot: nothing is claimed ahead then.
func TestRoomWhenNothingComesFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(8)
		inFlight(t, s, 8)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if n := s.room(ctx); n != 0 {
			t.Errorf("room for %d, and every slot is taken", n)
		}
	})
}

// With few free slots it waits for a moment, for more of them.
func TestRoomGathers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(64)
		inFlight(t, s, 64)
		time.Sleep(time.Hour)
		go func() {
			for range 3 { // in a row, and then no more for long
				time.Sleep(gather / 10)
				s.release(1)
			}
		}()
		began := time.Now()
		if n := s.room(t.Context()); n != 3 {
			t.Errorf("room for %d, want 3", n)
		}
		if waited := time.Since(began); waited > 2*gather {
			t.Errorf("waited %v for more", waited)
		}
		began = time.Now()
		s.release(40)
		if s.room(t.Context()); time.Since(began) > 0 {
			t.Errorf("more than half are free, and it waited %v", time.Since(began))
		}
	})
}

// Rows that were claimed ahead take their slots before more is claimed.
func TestRoomComesAfterThoseWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(4)
		inFlight(t, s, 4)
		time.Sleep(time.Hour)
		s.expect(3)
		rooms := make(chan int)
		go func() { rooms <- s.room(t.Context()) }()
		synctest.Wait()
		s.release(2)
		if n := s.take(t.Context(), 3); n != 2 {
			t.Errorf("%d rows took a slot, want the 2 that are free", n)
		}
		s.release(1)
		synctest.Wait()
		select {
		case n := <-rooms:
			t.Errorf("room for %d while a row waits", n)
		default:
		}
		s.abandon(1)
		if n := <-rooms; n != 1 {
			t.Errorf("room for %d, want the 1 that is free", n)
		}
	})
}

func TestTakeEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		inFlight(t, s, 1)
		s.expect(1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if n := s.take(ctx, 1); n != 0 {
			t.Errorf("took %d that were not free", n)
		}
		s.release(1)
		if n := s.take(t.Context(), 1); n != 1 {
			t.Errorf("took %d of 1", n)
		}
	})
}
