package chaos_test

import (
	"strconv"
	"testing"

	"github.com/orderbell/orderbell/internal/chaos"
)

// The rows were claimed, and nothing was sent: they are sent once.
func TestKillAfterTheClaim(t *testing.T) {
	t.Parallel()
	h := chaos.New(t, chaos.Options{})
	h.EnqueueMany("m-1", inFlight)
	release := h.Lock("notification") // what to send cannot be fetched
	w1 := h.Work("w1")
	h.Becomes(strconv.Itoa(inFlight), "select count(*) from orderbell.delivery where state = 'in_flight'")
	h.Blocked(w1, "notifications")
	w1.Kill()
	release()
	h.Work("w2")
	h.ExpireLeases(w1)
	h.AtRest()
	h.Check()
	outcomes(t, h, "30 acknowledged, 30 unknown")
	if n := len(h.Requests()); n != inFlight {
		t.Errorf("%d requests were made for %d rows", n, inFlight)
	}
}

// Half of a settling was done, and all of it is undone: nothing is half recorded, and
// what had its answer is sent again.
func TestKillDuringASettle(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	h, w1 := busy(t, answer)
	release := h.Lock(h.Partitions("finished")...) // the attempts are recorded, the endings can't be
	close(answer)
	h.Blocked(w1, "settle")
	h.Kill(w1)
	h.EndBackends(w1)
	release()
	h.ExpireLeases(w1)
	h.AtRest()
	h.Check()
	outcomes(t, h, "30 acknowledged, 30 unknown")
}

// A worker that was told to stop waits for its merchants, and is killed meanwhile. No
// merchant had answered, so none is told twice.
func TestKillWhileStopping(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	h, w1 := busy(t, answer)
	w1.Terminate()
	w1.Says("stopping when the requests in flight have their answers")
	w1.Kill()
	gone(t, h)
	close(answer)
	h.ExpireLeases(w1)
	h.AtRest()
	h.Check()
	outcomes(t, h, "30 acknowledged, 30 unknown")
}
