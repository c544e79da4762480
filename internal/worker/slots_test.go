package worker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// inFlight are n rows that have taken their slots.
func inFlight(t *testing.T, s *slots, n int) {
	t.Helper()
	batch := errandsOf("a", n)
	s.expect(batch)
	if got := s.take(t.Context(), batch); got != n {
		t.Fatalf("%d rows took a slot, of %d", got, n)
	}
}

// errandsOf are rows of one endpoint.
func errandsOf(endpoint string, n int) []errand {
	batch := make([]errand, n)
	for i := range batch {
		batch[i].claim = &outbox.Claim{Endpoint: endpoint}
	}
	return batch
}

// wanting are lanes that have something due.
func wanting(endpoints ...string) *lanes {
	l := &lanes{}
	l.add(endpoints, time.Time{})
	return l
}

// promptRoom is the room for prompt slots.
func promptRoom(ctx context.Context, s *slots) int {
	return s.room(ctx, wanting("a"), time.Hour).prompt
}

// released frees slots that were held for some time.
func released(s *slots, n int, held time.Duration) {
	for range n {
		s.change(func() {
			s.taken--
			s.freed++
			s.held += held
			s.of("a").flying--
		})
	}
}

// A claim takes what is free, and what will be free within 10 ms.
func TestRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			freed int
			held  time.Duration
			want  int
		}{
			"each took 20 ms: half of what is in flight is soon over": {24, 20 * time.Millisecond, 24 + 20},
			"each took 10 ms": {24, 10 * time.Millisecond, 24 + 40},
			"each took 2 ms, as slots do that are free again several times": {24, 2 * time.Millisecond, 24 + aheadPerSlot*24},
			"a burst of slow ones":         {60, 3 * time.Second, 60},
			"one, and the others may hang": {1, time.Millisecond, 1 + aheadPerSlot},
		} {
			s := newSlots(64)
			if n := promptRoom(t.Context(), s); n != 64 {
				t.Fatalf("room for %d, want 64: nothing is in flight", n)
			}
			inFlight(t, s, 64)
			released(s, test.freed, test.held)
			if n := promptRoom(t.Context(), s); n != test.want {
				t.Errorf("%s: room for %d, want %d", name, n, test.want)
			}
		}
	})
}

// Endpoints that do not answer free no slot: nothing is claimed ahead then.
func TestRoomWhenNothingComesFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(8)
		inFlight(t, s, 8)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if n := promptRoom(ctx, s); n != 0 {
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
				released(s, 1, time.Second)
			}
		}()
		began := time.Now()
		if n := promptRoom(t.Context(), s); n != 3 {
			t.Errorf("room for %d, want 3", n)
		}
		if waited := time.Since(began); waited > 2*gather {
			t.Errorf("waited %v for more", waited)
		}
		began = time.Now()
		released(s, 40, time.Second)
		if promptRoom(t.Context(), s); time.Since(began) > 0 {
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
		s.expect(errandsOf("a", 3))
		rooms := make(chan int)
		go func() { rooms <- promptRoom(t.Context(), s) }()
		synctest.Wait()
		released(s, 2, time.Second)
		if n := s.take(t.Context(), errandsOf("a", 3)); n != 2 {
			t.Errorf("%d rows took a slot, want the 2 that are free", n)
		}
		released(s, 1, time.Second)
		synctest.Wait()
		select {
		case n := <-rooms:
			t.Errorf("room for %d while a row waits", n)
		default:
		}
		s.abandon(errandsOf("a", 1))
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
		s.expect(errandsOf("a", 1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if n := s.take(ctx, errandsOf("a", 1)); n != 0 {
			t.Errorf("took %d that were not free", n)
		}
		released(s, 1, time.Second)
		if n := s.take(t.Context(), errandsOf("a", 1)); n != 1 {
			t.Errorf("took %d of 1", n)
		}
	})
}
