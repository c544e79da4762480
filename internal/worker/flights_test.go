package worker

import (
	"testing"
	"testing/synctest"
	"time"
)

// fly begins n requests to an endpoint, in prompt slots.
func fly(t *testing.T, s *slots, endpoint string, n int) []*flight {
	t.Helper()
	batch := errandsOf(endpoint, n)
	s.expect(batch)
	if got := s.take(t.Context(), batch); got != n {
		t.Fatalf("%d rows took a slot, of %d", got, n)
	}
	flights := make([]*flight, n)
	for i, e := range batch {
		flights[i] = s.begin(e)
	}
	return flights
}

// taken are the prompt and the slow slots that are held.
func taken(s *slots) (prompt, slow int) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken, s.slow
}

// portions divides room among endpoints.
func portions(s *slots, r room, endpoints ...string) []*portion {
	turn := make([]*portion, len(endpoints))
	for i, endpoint := range endpoints {
		turn[i] = &portion{lane: &lane{endpoint: endpoint}}
	}
	s.divide(turn, r, func(string) int { return 0 })
	return turn
}

// land ends requests that were answered.
func land(s *slots, flights []*flight) {
	for _, f := range flights {
		s.end(f, true)
	}
}

// Requests that take over a second hold slow slots, and no others; those of another
// endpoint begin as if they were not there.
func TestSlowRequestsFreeTheirSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(8)
		hang := fly(t, s, "hangs", 8)
		time.Sleep(slowAfter - watchEvery)
		if prompt, slow := taken(s); prompt != 8 || slow != 0 {
			t.Errorf("before a second: %d prompt slots are taken, %d slow ones", prompt, slow)
		}
		time.Sleep(2 * watchEvery)
		if prompt, slow := taken(s); prompt != 0 || slow != 8 {
			t.Errorf("after a second: %d prompt slots are taken, %d slow ones", prompt, slow)
		}
		turn := portions(s, room{prompt: 8, slow: 24}, "hangs", "well")
		if turn[0].take != 0 || turn[0].crowded || turn[1].take != 8 {
			t.Errorf("who hangs with a quarter of the slow slots gets %d more, the other one %d", turn[0].take, turn[1].take)
		}
		land(s, hang)
		time.Sleep(time.Minute)
		if prompt, slow := taken(s); prompt != 0 || slow != 0 || s.watching {
			t.Errorf("at the end %d and %d slots are taken", prompt, slow)
		}
	})
}

// Who waits for a slot waits for 50 ms at the most where another endpoint hangs in all
// of them.
func TestHangingRequestsYield(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(8)
		fly(t, s, "hangs", 8)
		began := time.Now()
		if got := s.room(t.Context(), wanting("well"), time.Hour).prompt; got == 0 {
			t.Fatal("no room")
		}
		if waited := time.Since(began); waited > yieldAfter+2*watchEvery {
			t.Errorf("waited %v", waited)
		}
	})
}

// Rows of the endpoint that hangs are no reason to move it.
func TestOneEndpointDoesNotYieldToItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(8)
		fly(t, s, "hangs", 8)
		began := time.Now()
		s.room(t.Context(), wanting("hangs"), time.Hour)
		if waited := time.Since(began); waited < slowAfter {
			t.Errorf("moved after %v", waited)
		}
	})
}

// An endpoint that was slow begins in slow slots, until it answers within a second.
func TestSlowEndpointsBeginInSlowSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(8)
		flights := fly(t, s, "slow", 1)
		time.Sleep(slowAfter)
		land(s, flights)
		for _, took := range []time.Duration{2 * time.Second, time.Millisecond} {
			p := portions(s, room{prompt: 8, slow: 32}, "slow")[0]
			if _, held := taken(s); !p.slow || p.take != 8 || held != 8 {
				t.Fatalf("a portion of %d, in slow slots %t; %d are held", p.take, p.slow, held)
			}
			s.unused(p, 7)
			e := errandsOf("slow", 1)
			e[0].slow = true
			s.expect(e)
			f := s.begin(e[0])
			time.Sleep(took)
			s.end(f, true)
		}
		if p := portions(s, room{prompt: 8}, "slow")[0]; p.slow || p.take != 8 {
			t.Errorf("after a quick answer: a portion of %d, in slow slots %t", p.take, p.slow)
		}
	})
}

// While no slow slot is free, an endpoint that may hang gets few prompt slots, and those
// that are known to be slow wait for slow ones.
func TestPromptSlotsAreKeptWhereNoneIsSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(16)
		for _, endpoint := range []string{"a", "b", "c", "d"} {
			fly(t, s, endpoint, 16)
			time.Sleep(slowAfter + watchEvery)
		}
		if prompt, slow := taken(s); slow != 64 || prompt != 0 {
			t.Fatalf("%d slow slots are taken, %d prompt ones", slow, prompt)
		}
		s.change(func() { s.of("e").isSlow = true })
		turn := portions(s, room{prompt: 16}, "e", "f")
		if !turn[0].crowded || turn[0].take != 0 {
			t.Errorf("a slow endpoint gets %d, and waits for slots: %t", turn[0].take, turn[0].crowded)
		}
		if turn[1].take != 1 {
			t.Errorf("an endpoint that may hang gets %d", turn[1].take)
		}
		if s.slowRoom() {
			t.Error("a slow slot is free")
		}
	})
}

// A lane that is full is told when an attempt of its own has ended.
func TestFullLanesAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(8)
		flights := fly(t, s, "a", 2)
		turn := []*portion{{lane: &lane{endpoint: "a"}}}
		s.divide(turn, room{prompt: 6}, func(string) int { return 2 })
		if turn[0].take != 0 || turn[0].crowded {
			t.Fatalf("a portion of %d where the window is full", turn[0].take)
		}
		land(s, flights)
		<-s.more
		if got := s.freedLanes(); len(got) != 1 || got[0] != "a" || len(s.shares) != 0 {
			t.Errorf("told of %v; %d shares are left", got, len(s.shares))
		}
	})
}

// Equal parts, and one more for the first ones.
func TestPartsOfTheRoom(t *testing.T) {
	t.Parallel()
	s := newSlots(8)
	turn := portions(s, room{prompt: 8}, "a", "b", "c")
	if turn[0].take != 3 || turn[1].take != 3 || turn[2].take != 2 {
		t.Errorf("parts of 8: %d, %d, %d", turn[0].take, turn[1].take, turn[2].take)
	}
}

// A worker that has only slow lanes to serve, and no slow slot for them, waits for nobody.
func TestRoomDoesNotWaitForSlowSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		s.change(func() { s.slow = slowPerPrompt / beginShare })
		l := &lanes{}
		l.queueSlow(&lane{endpoint: "slow"})
		if r := s.room(t.Context(), l, time.Hour); !r.none() {
			t.Errorf("room: %+v", r)
		}
	})
}
