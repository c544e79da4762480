package chaos_test

import (
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// A worker stops under load: what was sent is answered and settled, what was not is
// handed back, and nothing is sent twice.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	h := chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{{Name: "m-1", Temper: chaos.Slow(50 * time.Millisecond)}}})
	w1 := h.Work("w1")
	shop := h.Shop(chaos.ShopOptions{})
	arrived(t, h, 100)
	stopped(t, w1)
	shop.Close()
	stopped(t, h.Work("w2"), h.Work("w3"))
	h.Work("w4")
	h.AtRest()
	h.Check()
	if n := h.Text("select count(*) from orderbell.attempt where outcome = 'unknown'"); n != "0" {
		t.Errorf("%s attempts are unknown", n)
	}
	sent := make(map[string]bool)
	for _, r := range h.Requests() {
		sent[r.ID] = true
		if r.Nth > 1 {
			t.Errorf("%s was sent %d times", r.ID, r.Nth)
		}
	}
	t.Log(len(sent), "sent;", h.Outcomes())
}

// The second signal hands back what has no answer: it goes on at once, elsewhere, and
// at the rung at which it was.
func TestStopTwice(t *testing.T) {
	t.Parallel()
	h := chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{
		{Name: "m-1", Temper: atFirst(chaos.Hanging(nil), chaos.Prompt()), Ladder: []time.Duration{time.Hour}, Timeout: time.Minute},
	}})
	w1 := h.Work("w1")
	h.EnqueueMany("m-1", inFlight)
	arrived(t, h, inFlight)
	h.Work("w2")
	w1.Terminate()
	w1.Says("stopping when the requests in flight have their answers")
	stopped(t, w1)
	h.AtRest()
	h.Check()
	outcomes(t, h, "30 acknowledged, 30 interrupted")
}

// A worker is to stop while the database is away. It ends, though nothing could be
// settled, and says so; another one goes on when the database is back.
func TestStopWithoutADatabase(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	h := chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{{Name: "m-1", Temper: chaos.Hanging(answer), Timeout: time.Minute}}})
	proxy, through := proxied(t, h)
	w1 := h.WorkWith(chaos.WorkerOptions{Name: "w1", URL: through})
	h.EnqueueMany("m-1", inFlight)
	arrived(t, h, inFlight)
	began := time.Now()
	proxy.Refuse(true)
	proxy.Reset()
	close(answer)
	w1.Terminate()
	if status := w1.Wait(); status != 0 {
		t.Errorf("w1 ended with status %d", status)
	}
	t.Logf("w1 ended %s after it was told to", time.Since(began).Round(time.Millisecond))
	w1.Says("stopping with results that could not be settled; they will be recorded as unknown")
	w1.Says(`"rows":30`)
	h.Fault(chaos.Fault{Name: "stop without a database", Worker: w1.Name, From: began, To: time.Now(), Most: inFlight})
	h.Work("w2")
	h.AtRest()
	h.Check()
	outcomes(t, h, "30 acknowledged, 30 unknown")
}
