package chaos_test

import (
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// A request that takes longer than a lease is sent once: its lease is renewed, and the
// other worker leaves it alone.
func TestALeaseIsRenewed(t *testing.T) {
	t.Parallel()
	h := chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{
		{Name: "m-1", Temper: chaos.Slow(10 * time.Second), Timeout: 30 * time.Second},
	}})
	h.EnqueueMany("m-1", inFlight)
	w1, w2 := h.Work("w1"), h.Work("w2")
	h.AtRest()
	h.Check()
	outcomes(t, h, "30 acknowledged")
	stopped(t, w1, w2)
}
