package chaos_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// A row kills four workers that send it. The others beside it arrive all the same. Twice
// it is sent again at once; from the third time on each death costs it a rung, so that a
// row can't go on like this for ever.
func TestARowThatKills(t *testing.T) {
	t.Parallel()
	const kills = 2 + 2 // those that are free, and those that cost the ladder's rungs
	h := chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{{Name: "m-1"}, {Name: "m-killer", Timeout: time.Minute, Temper: func(r chaos.Request) chaos.Answer {
		if r.Nth <= kills {
			return chaos.Hanging(nil)(r)
		}
		return chaos.Prompt()(r)
	}}}})
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
		w := h.Work(fmt.Sprintf("w%d", n+1))
		select {
		case <-sent:
		case <-time.After(time.Minute):
			t.Fatal("the killer was not sent again")
		}
		h.Kill(w)
		h.ExpireLeases(w)
	}
	heir := h.Work("heir")
	h.AtRest()
	h.Check()
	stopped(t, heir)
	if got := h.Text("select state || ' ' || rung from orderbell.finished where notification_id = $1", killer); got != "acknowledged 2" {
		t.Errorf("the killer ended %s; want acknowledged, with 2 rungs spent", got)
	}
	if got := h.Text("select count(*) from orderbell.attempt where outcome = 'unknown' and notification_id = $1", killer); got != fmt.Sprint(kills) {
		t.Errorf("%s of the killer's attempts are unknown, want %d", got, kills)
	}
	if n := h.Text("select count(*) from orderbell.finished where state = 'acknowledged'"); n != "201" {
		t.Errorf("%s of 201 are acknowledged", n)
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
