package chaos_test

import (
	"sync"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// half of what a worker has in flight.
const half = inFlight / 2

// A worker is frozen with results that it could not settle, another takes its rows
// over, and then it goes on. What was acknowledged ends; all else that it has to say
// is too late and changes nothing.
func TestFreezeWithResults(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	never := []time.Duration{time.Hour}
	h := chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{
		{Name: "accepts", Temper: atFirst(chaos.Hanging(answer), chaos.Failing()), Ladder: never, Timeout: time.Minute},
		{Name: "refuses", Temper: atFirst(refusing(answer), chaos.Prompt()), Ladder: never, Timeout: time.Minute},
	}})
	w1 := h.Work("w1")
	h.EnqueueMany("accepts", half)
	h.EnqueueMany("refuses", half)
	arrived(t, h, inFlight)
	release := h.Lock(h.Partitions("attempt")...)
	var answered sync.WaitGroup
	answered.Add(inFlight)
	h.OnAnswer(func(chaos.Request) { answered.Done() })
	close(answer)
	answered.Wait()
	h.OnAnswer(nil)
	h.Blocked(w1, "settle")

	began := time.Now()
	w1.Freeze()
	h.Fault(chaos.Fault{Name: "freeze w1", Worker: w1.Name, From: began, To: time.Now(), Most: half})
	h.EndBackends(w1)
	release()
	h.ExpireLeases(w1)
	w2 := h.Work("w2")
	outcomesBecome(t, h, "15 acknowledged, 15 answered, 30 unknown")
	h.Snapshot()

	w1.Thaw()
	h.AtRest()
	stopped(t, w1, w2)
	h.Check()
	outcomes(t, h, "15 acknowledged, 15 answered, 30 unknown")
	if late := h.Text("select count(*) from orderbell.finished where reason = 'late, by attempt 1'"); late != "15" {
		t.Errorf("%s late acknowledgements were taken, want 15", late)
	}
}

// A worker is frozen for longer than its leases, with requests that have no answer.
// When it goes on it ends them, since others have sent them meanwhile, and works.
func TestFreezeLongerThanTheLease(t *testing.T) {
	t.Parallel()
	h := chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{
		{Name: "m-1", Temper: atFirst(chaos.Hanging(nil), chaos.Prompt()), Timeout: time.Minute},
		{Name: "m-2"},
	}})
	w1 := h.Work("w1")
	h.EnqueueMany("m-1", inFlight)
	arrived(t, h, inFlight)
	w2 := h.Work("w2")
	w1.Freeze() // no merchant has answered: a duplicate is impossible
	h.AtRest()
	w1.Thaw()
	gone(t, h)
	stopped(t, w2)
	h.Enqueue("m-2")
	h.AtRest()
	stopped(t, w1)
	h.Check()
	outcomes(t, h, "31 acknowledged, 30 unknown")
}

// stopped stops workers, which must have settled everything that they had.
func stopped(t *testing.T, workers ...*chaos.Worker) {
	t.Helper()
	for _, w := range workers {
		if status := w.Stop(); status != 0 {
			t.Errorf("%s ended with status %d", w.Name, status)
		}
	}
}
