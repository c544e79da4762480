package chaos_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// A row kills each worker that sends it, until its ladder is spent: twice it is sent
// again at once, from the third time on each death costs it a rung. The others arrive all
// the same. They are slow, so that the workers die with many of them in flight; but none
// of them climbs a rung with it, because what is suspect is sent one by one.
func TestARowThatKills(t *testing.T) {
	t.Parallel()
	const kills = 2 + 3 // those that are free, and those that cost the ladder's rungs and end it
	h := chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{
		{Name: "m-1", Temper: chaos.Slow(50 * time.Millisecond)},
		{Name: "m-killer", Timeout: time.Minute, Temper: chaos.Hanging(nil)},
	}})
	h.EnqueueMany("m-1", 100)
	killer := h.Enqueue("m-killer")
	h.EnqueueMany("m-1", 100)
	sent := make(chan struct{}, kills+1)
	h.OnRequest(func(r chaos.Request) {
		if r.ID == killer {
			sent <- struct{}{}
		}
	})
	for n := range kills {
		w := h.Work(fmt.Sprintf("w%d", n+1), "ORDERBELL_WORKER_CONCURRENCY=256") // all at once
		select {
		case <-sent:
		case <-time.After(time.Minute):
			t.Fatal("the killer was not sent again")
		}
		h.Kill(w)
		h.ExpireLeases(w)
	}
	heir := h.Work("heir", "ORDERBELL_WORKER_CONCURRENCY=256")
	h.AtRest()
	h.Check()
	stopped(t, heir)
	if got := h.Text("select state || ' ' || rung from orderbell.finished where notification_id = $1", killer); got != "exhausted 2" {
		t.Errorf("the killer ended %s; want exhausted, with 2 rungs spent", got)
	}
	if got := h.Text("select count(*) from orderbell.attempt where outcome = 'unknown' and notification_id = $1", killer); got != fmt.Sprint(kills) {
		t.Errorf("%s of the killer's attempts are unknown, want %d", got, kills)
	}
	if n := h.Text("select count(*) from orderbell.finished where state = 'acknowledged' and rung = 0"); n != "200" {
		t.Errorf("%s of 200 are acknowledged and have spent no rung", n)
	}
	t.Logf("%s; between the killer's requests were %s; so many of the others were unknown so often: %s", h.Outcomes(), waits(h, killer),
		h.Text(`select string_agg(n || ' x ' || unknowns, ', ' order by unknowns) from (select unknowns, count(*) as n from (
			select count(*) as unknowns from orderbell.attempt where outcome = 'unknown' and notification_id <> $1
			group by notification_id) each group by unknowns) all_of_them`, killer))
}

// waits are the times between the requests of a notification.
func waits(h *chaos.House, id string) (waits []time.Duration) {
	var last time.Time
	for _, r := range h.Requests() {
		if r.ID == id {
			if !last.IsZero() {
				waits = append(waits, r.Arrived.Sub(last).Round(time.Millisecond))
			}
			last = r.Arrived
		}
	}
	return waits
}
