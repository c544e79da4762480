package worker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Functions of many endpoints that take long leave room for one that does not; each
// endpoint has two at once, and one once it is known to be slow.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		calls := make(map[string]int)
		most := make(map[string]int)
		call := func(endpoint string, takes time.Duration) {
			go func() {
				if !turns.take(t.Context(), endpoint) {
					t.Errorf("%s got no turn", endpoint)
					return
				}
				turns.mu.Lock()
				most[endpoint] = max(most[endpoint], turns.of[endpoint])
				most["all"] = max(most["all"], turns.taken)
				calls[endpoint]++
				turns.mu.Unlock()
				time.Sleep(takes)
				turns.end(endpoint, takes)
			}()
		}
		called := func(endpoint string) int {
			turns.mu.Lock()
			defer turns.mu.Unlock()
			return calls[endpoint]
		}
		for _, endpoint := range []string{"s1", "s2", "s3", "s4", "s5", "s6"} {
			for range 20 {
				call(endpoint, 10*time.Second)
			}
		}
		time.Sleep(15 * time.Second) // the first ones are over: they are known to be slow
		for range 100 {
			began := time.Now()
			call("quick", 10*time.Millisecond)
			time.Sleep(100 * time.Millisecond)
			if called("quick") == 0 {
				t.Fatalf("after %v the quick one has not been called", time.Since(began))
			}
		}
		synctest.Wait()
		turns.mu.Lock()
		if calls["quick"] != 100 || most["all"] > callsAtOnce || most["s1"] > callsOfOne {
			t.Errorf("%d quick calls, %v at once", calls["quick"], most)
		}
		turns.mu.Unlock()
		time.Sleep(time.Hour)
		turns.mu.Lock()
		defer turns.mu.Unlock()
		if calls["s6"] != 20 || turns.taken != 0 || turns.slow != 0 || len(turns.of) != 0 {
			t.Errorf("%v, and %d are left, %d of them slow", calls, turns.taken, turns.slow)
		}
	})
}

// Who stops waiting takes no turn from anybody.
func TestTurnsThatAreGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		for range callsOfOne {
			turns.take(t.Context(), "a")
		}
		ctx, cancel := context.WithCancel(t.Context())
		given := make(chan bool)
		go func() { given <- turns.take(ctx, "a") }()
		synctest.Wait()
		cancel()
		if <-given {
			t.Error("it got a turn")
		}
		for range callsOfOne {
			turns.end("a", 0)
		}
		if turns.taken != 0 || len(turns.waiting) != 0 {
			t.Errorf("%d are taken, %d wait", turns.taken, len(turns.waiting))
		}
	})
}
