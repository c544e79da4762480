package app_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// leave makes a row look as a worker leaves it that was killed in mid-request.
func (s *shop) leave(id string) {
	s.t.Helper()
	s.exec(`update orderbell.delivery set state = 'in_flight', attempt_count = attempt_count + 1,
		leased_until = clock_timestamp() - interval '1 second', claimed_by = 'dead' where notification_id = $1`, id)
}

func (s *shop) outcomes(id string) []string {
	s.t.Helper()
	var outcomes []string
	s.get("select array_agg(outcome order by attempt) from orderbell.delivery_history where notification_id = $1", []any{id}, &outcomes)
	return outcomes
}

func TestDeadWorkersRowIsSentAgain(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	merchant := merchanttest.New(t)
	shop.endpoint("m-1", merchant.URL, "standard")
	id := shop.enqueue("m-1", "o-1", "{}")
	shop.leave(id)
	shop.work(shop.config("w1"))
	if state, explanation := shop.ended(id); state != "acknowledged" {
		t.Errorf("it is %s: %s", state, explanation)
	}
	if diff := cmp.Diff([]string{"unknown", "acknowledged"}, shop.outcomes(id)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	var worker string
	shop.get("select worker from orderbell.attempt where attempt = 1", nil, &worker)
	if worker != "dead" {
		t.Errorf("the unknown attempt is %s's, wanted the dead worker's", worker)
	}
}

// The third unknown in a row spends a rung, and waits for it.
func TestRowThatKillsWorkersSlowsDown(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	merchant := merchanttest.New(t)
	shop.endpoint("m-1", merchant.URL, "standard")
	id := shop.enqueue("m-1", "o-1", "{}")
	shop.exec("update orderbell.delivery set unknowns = 2")
	shop.leave(id)
	shop.work(shop.config("w1"))
	shop.settled(id, 1)
	var rung, unknowns int
	var wait time.Duration
	shop.get("select rung, unknowns, next_attempt_at - clock_timestamp() from orderbell.delivery", nil, &rung, &unknowns, &wait)
	if rung != 1 || unknowns != 3 || wait < 10*time.Second || wait > 15*time.Second {
		t.Errorf("rung %d, unknowns %d, next in %v; wanted 1, 3 and the first rung, 15 s", rung, unknowns, wait)
	}
	if n := len(merchant.Requests()); n != 0 {
		t.Errorf("it was sent %d times", n)
	}
}

// A request may take longer than a lease: it is renewed, and nobody else sends it.
func TestLongRequestKeepsItsLease(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	merchant := merchanttest.New(t)
	answer := make(chan struct{})
	merchant.Script("", merchanttest.Answer{Body: "success", Until: answer})
	shop.exec("insert into orderbell.policy (name, ladder, acknowledge, timeout) values ('patient', '{1m}', 'status == 200', '60 s')")
	shop.endpoint("m-1", merchant.URL, "patient")
	shop.work(shop.config("w1"))
	shop.work(shop.config("w2"))
	id := shop.enqueue("m-1", "o-1", "{}")
	merchant.Wait(t.Context(), 1)
	var first time.Time
	shop.get("select leased_until from orderbell.delivery", nil, &first)
	// Wait until the lease of the claim has ended by the database's clock.
	pgtest.Eventually(t, 20*time.Second, "the first lease is over", func() error {
		shop.get("select pg_sleep_until($1::timestamptz + interval '1 second') is null", []any{first}, new(bool))
		return nil
	})
	close(answer)
	if state, explanation := shop.ended(id); state != "acknowledged" {
		t.Errorf("it is %s: %s", state, explanation)
	}
	if diff := cmp.Diff([]string{"acknowledged"}, shop.outcomes(id)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// A row that is cancelled while it is in flight: its attempt is recorded, and then
// it ends; acknowledged if it was.
func TestCancelInFlight(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{"success": "acknowledged", "not yet": "cancelled"} {
		shop := newShop(t)
		merchant := merchanttest.New(t)
		answer := make(chan struct{})
		merchant.Script("", merchanttest.Answer{Body: body, Until: answer})
		shop.endpoint("m-1", merchant.URL, "standard")
		shop.work(shop.config("w1"))
		id := shop.enqueue("m-1", "o-1", "{}")
		merchant.Wait(t.Context(), 1)
		if n := shop.count("select orderbell.cancel('m-1', 'o-1')"); n != 1 {
			t.Errorf("cancel counted %d rows, wanted the one in flight", n)
		}
		close(answer)
		if state, explanation := shop.ended(id); state != want {
			t.Errorf("cancelled, then answered %q: it is %s: %s", body, state, explanation)
		}
		if n := len(shop.outcomes(id)); n != 1 {
			t.Errorf("%d attempts are recorded, wanted 1", n)
		}
	}
}

// An order that cancels and stays open must not hold up other results.
func TestOpenCancelHoldsUpNobody(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	merchant := merchanttest.New(t)
	answer := make(chan struct{})
	merchant.Script("held", merchanttest.Answer{Body: "success", Until: answer})
	shop.endpoint("m-1", merchant.URL, "standard")
	shop.work(shop.config("w1"))
	held := shop.enqueue("m-1", "held", `{"order_no":"held"}`)
	merchant.Wait(t.Context(), 1)
	tx, err := shop.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "select orderbell.cancel('m-1', 'held')"); err != nil {
		t.Fatal(err)
	}
	close(answer)
	other := shop.enqueue("m-1", "other", `{"order_no":"other"}`)
	if state, _ := shop.ended(other); state != "acknowledged" {
		t.Errorf("beside an open cancel it is %s", state)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if state, _ := shop.ended(held); state != "acknowledged" {
		t.Errorf("after the cancel was rolled back it is %s", state)
	}
}
