package chaos_test

import (
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// The database goes away with 200 requests in flight, which are answered meanwhile. What
// they came to is written down before anything else is sent, and waits in little memory.
func TestResultsComeBeforeClaims(t *testing.T) {
	t.Parallel()
	const many = 200
	answer, newOnes := make(chan struct{}), make(chan struct{})
	h := chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{
		{Name: "m-1", Temper: chaos.Hanging(answer), Timeout: time.Minute}, {Name: "m-2", Temper: chaos.Hanging(newOnes), Timeout: time.Minute},
	}})
	proxy, through := proxied(t, h)
	w1 := h.WorkWith(chaos.WorkerOptions{Name: "w1", URL: through, Concurrency: many})
	h.EnqueueMany("m-1", many)
	arrived(t, h, many)
	memory, room := w1.Memory(), int64(32<<20)
	if chaos.Raced {
		room *= 10
	}
	began := time.Now()
	proxy.Refuse(true)
	proxy.Reset()
	close(answer)
	h.Shop(chaos.ShopOptions{Orders: 2 * many, Endpoints: []string{"m-2"}}).Wait() // due, and not to be claimed yet
	w1.Says(`"doing":"settle"`)
	h.Bound("memory of w1 in the outage", w1.Memory(), memory+room)
	if n := len(h.Requests()); n != many {
		t.Errorf("%d requests were made; %d were in flight", n, many)
	}

	proxy.Heal()
	arrived(t, h, many+1)
	next := h.Requests()[many].Arrived
	close(newOnes)
	w1.Says("the database is back")
	h.AtRest()
	if late := h.Text(`select count(*) from orderbell.finished f join orderbell.notification n on n.id = f.notification_id
		where n.endpoint = 'm-1' and f.finished_at > $1`, next); late != "0" {
		t.Errorf("%s of %d results were written after the next request was sent", late, many)
	}
	t.Logf("the outage took %s", time.Since(began).Round(time.Millisecond))
	h.Bound("memory of w1 after it", w1.Memory(), memory+room)
	h.Bound("lines a second of w1", int64(w1.BusiestSecond("the database does not do its part")), 2)
	h.Check()
}
