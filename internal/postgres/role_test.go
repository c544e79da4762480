package postgres_test

import (
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/postgres"
)

// A worker that is a member of orderbell_worker, and of nothing else, can do all
// of its work.
func TestTheWorkerRoleIsEnough(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	db, err := postgres.Open(t.Context(), h.url+"&options=-c%20role%3Dorderbell_worker", "w-2")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	check := func(doing string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", doing, err)
		}
	}
	ctx := t.Context()
	held := h.claimed("held")
	h.lapse(held.ID)
	h.enqueue("A1")
	check("CheckSchema", db.CheckSchema(ctx))
	_, err = db.Look(ctx, time.Now())
	check("Look", err)
	_, err = db.FullLook(ctx)
	check("FullLook", err)
	claims, err := db.Claim(ctx, lane(2), nil, nil)
	check("Claim", err)
	_, err = db.Fill(ctx, claims)
	check("Fill", err)
	_, err = db.Renew(ctx, claims)
	check("Renew", err)
	_, err = db.Lapsed(ctx)
	check("Lapsed", err)
	tx := h.begin()
	if n := one[int](t, tx, "select orderbell.cancel('m-1', 'held')"); n != 1 {
		t.Fatalf("cancel says %d", n)
	}
	batch := []*outbox.Settlement{result(held, outbox.OutcomeTimeout)}
	for _, c := range claims {
		batch = append(batch, result(c, outbox.OutcomeTimeout))
	}
	_, _, err = db.Settle(ctx, batch)
	check("Settle", err)
	policies, err := db.Policies(ctx)
	check("Policies", err)
	_, err = db.Endpoints(ctx, []string{"m-1"})
	check("Endpoints", err)
	h.limit("max_in_flight = 2, rate_per_second = 2")
	_, err = db.Reserve(ctx, []outbox.Want{{Endpoint: "m-1", Slots: 1, Sends: 1}})
	check("Reserve", err)
	for _, open := range []bool{true, false} {
		check("Break", db.Break(ctx, []outbox.Breaking{{Endpoint: "m-1", Open: open, Reason: "refused"}}))
		_, err = db.Probe(ctx, []string{"m-1"}, time.Second)
		check("Probe", err)
	}
	_, _, err = db.MakePartitions(ctx)
	check("MakePartitions", err)
	_, err = db.Backlog(ctx)
	check("Backlog", err)
	for _, p := range policies {
		if p.Name == "standard" {
			check("SetFault", db.SetFault(ctx, p, "it does not compile"))
			check("SetFault again", db.SetFault(ctx, p, ""))
		}
	}
}

// The commands of operators need no more than the operators' role.
func TestTheOperatorRoleIsEnough(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	db, err := postgres.Open(t.Context(), h.url+"&options=-c%20role%3Dorderbell_operator", "cli")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	h.enqueue("A1")
	if err := db.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := db.AddEndpoint(t.Context(), outbox.Endpoint{ID: "m-2", URL: "http://two.example/", Policy: "quick"}, postgres.Changes{}); err != nil {
		t.Error(err)
	}
	if _, err := db.ListEndpoints(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := db.Endpoints(t.Context(), []string{"m-2"}); err != nil {
		t.Error(err)
	}
	if err := db.Pause(t.Context(), "m-2", "asked"); err != nil {
		t.Error(err)
	}
	if err := db.Resume(t.Context(), "m-2"); err != nil {
		t.Error(err)
	}
	if _, err := db.SetWake(t.Context(), postgres.WakePoll); err != nil {
		t.Error(err)
	}
	if _, _, err := db.History(t.Context(), "A1"); err != nil {
		t.Error(err)
	}
	if _, err := db.Backlog(t.Context()); err != nil {
		t.Error(err)
	}
}
