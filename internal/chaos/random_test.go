package chaos_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// The variables of the random schedule.
const (
	chaosVariable  = "ORDERBELL_CHAOS"        // how long it goes on: 30m; unset: a few steps
	seedVariable   = "ORDERBELL_CHAOS_SEED"   // of what it draws; unset: a new one
	reportVariable = "ORDERBELL_CHAOS_REPORT" // a file for the report, in JSON
)

// TestRandom breaks whatever there is in random order, and several things at once:
// three workers behind proxies, a shop, merchants of all tempers, a database.
//
//	ORDERBELL_CHAOS=30m go test ./internal/chaos -run Random -timeout 0 -v
//
// A seed repeats what is drawn, not the moment at which it meets the workers.
func TestRandom(t *testing.T) {
	t.Parallel()
	w := wanted(t)
	t.Logf("to draw the same again: %s=%d", seedVariable, w.seed)
	s := newStorm(t, w)
	s.blow()
	s.calm()
	s.report()
}

// wish is how the random schedule is run.
type wish struct {
	seed uint64
	// lasts is how long it goes on; 0: for so many steps.
	lasts time.Duration
	steps int
	// scale shortens what is drawn: how long a fault lasts, and the pauses.
	scale float64
	// perSecond is how many orders the shop places.
	perSecond int
	// slowest is how long the slowest merchant takes. In a long run that is longer
	// than a lease.
	slowest time.Duration
}

func wanted(t *testing.T) wish {
	t.Helper()
	w := wish{seed: rand.Uint64() >> 1, steps: 8, scale: 0.3, perSecond: 40, slowest: 1500 * time.Millisecond}
	if text := os.Getenv(chaosVariable); text != "" {
		lasts, err := time.ParseDuration(text)
		if err != nil || lasts <= 0 {
			t.Fatalf("%s: a time such as 30m is needed, not %q", chaosVariable, text)
		}
		w.lasts, w.scale, w.perSecond, w.slowest = lasts, 1, 60, 9*time.Second
	}
	if text := os.Getenv(seedVariable); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
		w.seed = seed
	}
	return w
}

// blow takes one step after the other.
func (s *storm) blow() {
	s.t.Helper()
	s.began = time.Now()
	if s.wish.lasts > 0 {
		s.after(s.wish.lasts/3, s.h.Snapshot)
		s.after(2*s.wish.lasts/3, s.h.Snapshot)
	}
	for n := 0; ; n++ {
		if s.wish.lasts > 0 && time.Since(s.began) >= s.wish.lasts || s.wish.lasts == 0 && n == s.wish.steps {
			break
		}
		next := s.deck.draw()
		s.wait(next.pause)
		s.t.Logf("%s: %s, place %d, for %s", time.Since(s.began).Round(time.Millisecond),
			next.kind.name, next.place, next.length.Round(time.Millisecond))
		if next.kind.do(s, next) {
			s.done[next.kind.name]++
		} else {
			s.t.Log("  cannot be done now")
		}
	}
	s.lasted = time.Since(s.began)
}

// calm ends all faults and waits until nothing is unfinished.
func (s *storm) calm() {
	s.t.Helper()
	for len(s.later) > 0 {
		s.wait(time.Until(s.later[0].at))
	}
	for _, p := range s.places {
		if !p.worker.Living() {
			s.t.Errorf("%s has ended, and nobody asked it to", p.worker.Name)
		}
	}
	s.shop.Close()
	s.h.AtRest()
}
