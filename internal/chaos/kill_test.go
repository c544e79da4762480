package chaos_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// The other worker takes over what a killed one had in flight, when its leases have
// ended. None of those requests had an answer.
func TestKillAtARequest(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	h, w1 := busy(t, answer)
	h.AddEndpoint(chaos.Endpoint{Name: "m-2"})
	killed := make(chan time.Time, 1)
	var once sync.Once
	h.OnRequest(func(chaos.Request) {
		once.Do(func() {
			killed <- time.Now()
			h.Kill(w1)
		})
	})
	h.Shop(chaos.ShopOptions{Orders: 200, Endpoints: []string{"m-2"}})
	at := <-killed
	pgtest.Eventually(t, time.Minute, "the merchant to notice", func() error {
		gone := 0
		for _, r := range h.Requests() {
			if r.Failure != "" {
				gone++
			}
		}
		if gone < inFlight {
			return fmt.Errorf("%d connections of %d are gone", gone, inFlight)
		}
		return nil
	})
	close(answer)
	h.AtRest()
	h.Check()
	again, last := sentAgain(h.Requests(), at)
	t.Logf("%d were sent again, the last of them %s after the kill", again, last)
	if again < inFlight {
		t.Errorf("%d were sent again; %d were in flight", again, inFlight)
	}
}

// Answers were given, and the worker was killed before it had settled all of them:
// those merchants are told again, and no others.
func TestKillAtAnAnswer(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	h, w1 := busy(t, answer)
	killed := make(chan int, 1)
	var once sync.Once
	h.OnAnswer(func(chaos.Request) {
		once.Do(func() { killed <- h.Kill(w1) })
	})
	close(answer)
	t.Logf("%d of %d were not settled", <-killed, inFlight)
	h.ExpireLeases(w1)
	h.AtRest()
	t.Log(h.Outcomes())
	h.Check()
}

// inFlight is how many requests the busy worker has under way.
const inFlight = 30

// busy makes a house with two workers. w1 has requests under way at m-1, whose
// answers come when answer is closed; the other has nothing to do.
func busy(t *testing.T, answer <-chan struct{}) (h *chaos.House, w1 *chaos.Worker) {
	t.Helper()
	h = chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{{Name: "m-1", Temper: chaos.Hanging(answer), Timeout: time.Minute}}})
	w1 = h.Work("w1")
	var arrived sync.WaitGroup
	arrived.Add(inFlight)
	h.OnRequest(func(chaos.Request) { arrived.Done() })
	h.EnqueueMany("m-1", inFlight)
	arrived.Wait()
	h.OnRequest(nil)
	h.Work("w2")
	return h, w1
}

// sentAgain tells how many second attempts were received, and how long after the
// kill the last of them came.
func sentAgain(requests []chaos.Request, killed time.Time) (n int, last time.Duration) {
	for _, r := range requests {
		if r.Attempt == 2 {
			n++
			last = max(last, r.Arrived.Sub(killed))
		}
	}
	return n, last
}
