package chaos_test

import (
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// lateness is what a busy machine may add to the end of a request, and to its noticing.
// Without the fence the requests would overlap for 20 s.
const lateness = 2 * time.Second

// A worker loses the database while its merchants are silent. It ends its requests with
// their leases, so that no merchant has two of one notification open when another worker
// sends them again; and it goes on when the database is back.
func TestAWorkerFencesItself(t *testing.T) {
	t.Parallel()
	h := chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{
		{Name: "m-1", Temper: atFirst(chaos.Hanging(nil), chaos.Prompt()), Timeout: 30 * time.Second},
		{Name: "m-2"},
	}})
	proxy, through := proxied(t, h)
	w1 := h.WorkWith(chaos.WorkerOptions{Name: "w1", URL: through})
	h.EnqueueMany("m-1", inFlight)
	arrived(t, h, inFlight)
	w2 := h.Work("w2")
	proxy.DropToServer(true) // no merchant answers w1: a duplicate is impossible
	h.AtRest()
	gone(t, h)
	ended := make(map[string]time.Time)
	least := time.Hour
	for _, r := range h.Requests() {
		if r.Nth == 1 {
			ended[r.ID] = r.Gone
		} else {
			least = min(least, r.Arrived.Sub(ended[r.ID]))
		}
	}
	t.Logf("between the end of a request and the next of its notification were %s at the least", least)
	if least < -lateness {
		t.Errorf("two requests of one notification were open for %s", -least)
	}
	stopped(t, w2)
	proxy.Heal()
	h.Enqueue("m-2")
	h.AtRest()
	w1.Says("the database is back")
	stopped(t, w1)
	h.Check()
	outcomes(t, h, "31 acknowledged, 30 unknown")
	h.Bound("lines a second of w1", int64(w1.BusiestSecond("the database does not do its part")), 2)
}
