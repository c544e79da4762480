package chaos_test

import (
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// poolConnections is how many connections to the database a worker has at most: two
// each for claims, settles and reads, one that listens, and one for the bell's lock.
const poolConnections = 8

// Without a fault nothing is lost, nothing is sent twice, and a worker is afterwards
// as it was before.
func TestNoFault(t *testing.T) {
	t.Parallel()
	h := chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{
		{Name: "m-prompt"},
		{Name: "m-slow", Temper: chaos.Slow(50 * time.Millisecond)},
		{Name: "m-stumbling", Temper: chaos.Stumbling(2)},
		{Name: "m-failing", Temper: chaos.Failing()},
		{Name: "m-hanging", Temper: chaos.Hanging(nil), Timeout: 300 * time.Millisecond},
		{Name: "m-absent", URL: "http://127.0.0.1:1/"},
	}})
	resting := h.Work("idle").Goroutines()
	w1, w2 := h.Work("w1"), h.Work("w2")
	room := int64(32 << 20)
	if chaos.Raced {
		room *= 10
	}
	descriptors, memory := w1.Descriptors(), w1.Memory()

	h.Shop(chaos.ShopOptions{Orders: 400, Connections: 8}).Wait()
	h.Snapshot()
	h.AtRest()

	h.HangUp() // a worker keeps connections to merchants for a while
	h.Bound("connections of w1", h.Connections(w1), poolConnections)
	h.Returns("descriptors of w1", descriptors+poolConnections, w1.Descriptors)
	h.Bound("memory of w1", w1.Memory(), memory+room)
	// The goroutines that deliver are kept, one for each slot.
	h.Bound("goroutines of w1", w1.Goroutines(), resting+5*int64(w1.Concurrency)+poolConnections)
	h.Check()
	if status := w2.Stop(); status != 0 {
		t.Errorf("w2 ended with status %d", status)
	}
}
