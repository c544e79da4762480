package chaos_test

import (
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// Two workers have one name by mistake. Nothing is sent twice, and when one dies the
// other takes over what was that one's, and leaves alone what is its own.
func TestTwins(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	h := chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{{Name: "m-1"}, {Name: "m-2", Temper: chaos.Hanging(answer), Timeout: time.Minute}}})
	first := h.WorkWith(chaos.WorkerOptions{Name: "twin", Concurrency: inFlight})
	first.Says("worker starts")
	second := h.WorkWith(chaos.WorkerOptions{Name: "twin", Concurrency: 2 * inFlight})
	second.Says("worker starts")
	h.Shop(chaos.ShopOptions{Orders: 200, Endpoints: []string{"m-1"}})
	h.AtRest()
	before := len(h.Requests())

	second.Freeze()
	h.EnqueueMany("m-2", inFlight) // the first is full with these
	arrived(t, h, before+inFlight)
	holder := h.Text("select distinct claimed_by from orderbell.delivery")
	second.Thaw()
	h.EnqueueMany("m-2", inFlight)
	arrived(t, h, before+2*inFlight)
	first.Kill()
	gone(t, h)
	h.SQL("update orderbell.delivery set leased_until = now() - interval '1 second' where claimed_by = $1", holder)
	h.SQL("select orderbell.ring()")
	arrived(t, h, before+3*inFlight)
	if n := h.Text("select count(*) from orderbell.delivery where claimed_by <> $1 and attempt_count = 1", holder); n != "30" {
		t.Errorf("%s rows of the living twin are at their first attempt, want 30", n)
	}
	close(answer)
	h.AtRest()
	h.Check()
	stopped(t, second)
}
