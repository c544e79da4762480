package postgres_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/postgres"
)

// breaker is a row of orderbell.breaker; times are from now, in whole seconds.
type breaker struct {
	Endpoint, Reason, OpenedBy string
	Probes, ProbeIn            int
	Probing                    bool
}

func (h *house) breakers() []breaker {
	h.t.Helper()
	rows, err := h.pool.Query(h.t.Context(), `
		select endpoint, reason, opened_by, probes, round(extract(epoch from probe_at - now()) / 5)::int * 5 as probe_in,
		       probing_until is not null as probing
		from orderbell.breaker order by endpoint`)
	if err != nil {
		h.t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[breaker])
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

func (h *house) breaks(db *postgres.DB, changes ...outbox.Breaking) {
	h.t.Helper()
	if err := db.Break(h.t.Context(), changes); err != nil {
		h.t.Fatal(err)
	}
}

// probes tries to take the probe of m-1.
func (h *house) probes(db *postgres.DB) bool {
	h.t.Helper()
	won, err := db.Probe(h.t.Context(), []string{"nobody", "m-1"}, 30*time.Second)
	if err != nil {
		h.t.Fatal(err)
	}
	return len(won) == 1 && won[0] == "m-1"
}

// The life of a breaker, from opening to closing.
func TestBreak(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	other := h.worker("w-2")
	opens := func(reason string) outbox.Breaking {
		return outbox.Breaking{Endpoint: "m-1", Open: true, Reason: reason}
	}
	wants := func(step string, want ...breaker) {
		t.Helper()
		if diff := cmp.Diff(append([]breaker{}, want...), h.breakers()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
	is := breaker{Endpoint: "m-1", Reason: "refused", OpenedBy: "w-1", ProbeIn: 5}
	h.breaks(h.db, opens("refused"))
	wants("opened", is)
	h.breaks(other, opens("another's word"))
	wants("opened again", is)
	if h.probes(h.db) {
		t.Error("it was probed before its time")
	}
	for failed, wait := range []int{10, 20, 40, 60, 60} {
		h.exec("update orderbell.breaker set probe_at = now()")
		if !h.probes(other) || h.probes(h.db) {
			t.Fatal("not exactly one has won the probe")
		}
		h.breaks(other, opens("a probe failed"))
		is.Reason, is.Probes, is.ProbeIn = "a probe failed", failed+1, wait
		wants("a probe has failed", is)
		h.breaks(other, opens("the same, sent again"))
		wants("it was said twice", is)
	}
	h.exec("update orderbell.breaker set probes = 1000000, probe_at = now()")
	h.probes(h.db)
	h.breaks(h.db, opens("still"))
	is.Probes, is.Reason = 1000001, "still"
	wants("many have failed", is)
	for range 2 {
		h.breaks(other, outbox.Breaking{Endpoint: "m-1"})
		wants("closed")
	}
	h.breaks(other, opens("again"))
	wants("opened anew", breaker{Endpoint: "m-1", Reason: "again", OpenedBy: "w-2", ProbeIn: 5})
	h.exec("delete from orderbell.endpoint")
	wants("the endpoint was deleted")
}

func TestBreakSeveral(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("insert into orderbell.endpoint (id, url) values ('m-2', 'http://two.example'), ('m-3', 'http://three.example')")
	h.breaks(h.db, outbox.Breaking{Endpoint: "m-2", Open: true, Reason: "refused"})
	h.breaks(
		h.db,
		outbox.Breaking{Endpoint: "nobody", Open: true, Reason: "refused"},
		outbox.Breaking{Endpoint: "m-3", Open: true, Reason: "it said \x00 and \xff"},
		outbox.Breaking{Endpoint: "m-2"},
		outbox.Breaking{Endpoint: "m-1"},
	)
	want := []breaker{{Endpoint: "m-3", Reason: `it said \x00 and ` + "\uFFFD", OpenedBy: "w-1", ProbeIn: 5}}
	if diff := cmp.Diff(want, h.breakers()); diff != "" {
		t.Errorf("breakers (-want +got):\n%s", diff)
	}
	h.breaks(h.db)
	err := h.db.Break(t.Context(), []outbox.Breaking{{Endpoint: "m-1", Open: true}, {Endpoint: "m-1"}})
	if err == nil || !strings.Contains(err.Error(), "m-1 is there twice") {
		t.Errorf("an endpoint twice: %v", err)
	}
}

// Of many that want the probe one gets it; when that one is not heard of any more,
// one other.
func TestProbeIsWonOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	workers := []*postgres.DB{h.db, h.worker("w-2"), h.worker("w-3"), h.worker("w-4")}
	h.breaks(h.db, outbox.Breaking{Endpoint: "m-1", Open: true, Reason: "refused"})
	for _, left := range []string{"probe_at = now()", "probing_until = now()"} {
		h.exec("update orderbell.breaker set " + left)
		var wins atomic.Int32
		var group errgroup.Group
		for i := range 20 {
			group.Go(func() error {
				won, err := workers[i%len(workers)].Probe(t.Context(), []string{"m-1"}, 30*time.Second)
				wins.Add(int32(len(won)))
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if wins.Load() != 1 {
			t.Errorf("after %s: %d have won", left, wins.Load())
		}
	}
	left := one[time.Duration](t, h.pool, "select probing_until - now() from orderbell.breaker")
	if left > 30*time.Second || left < 15*time.Second {
		t.Errorf("the probe is its worker's for %s, want 30 s", left)
	}
}

// A probe that was not sent is given back: it counts for nothing, and another may be sent.
func TestUnsentProbesCountForNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if err := h.db.Break(t.Context(), []outbox.Breaking{{Endpoint: "m-1", Open: true, Reason: "refused"}}); err != nil {
		t.Fatal(err)
	}
	h.exec("update orderbell.breaker set probe_at = now(), probes = 3")
	if won, err := h.db.Probe(t.Context(), []string{"m-1"}, time.Hour); err != nil || len(won) != 1 {
		t.Fatalf("won %v, %v", won, err)
	}
	if err := h.db.Break(t.Context(), []outbox.Breaking{{Endpoint: "m-1", Open: true, Unsent: true, Reason: "stopping"}}); err != nil {
		t.Fatal(err)
	}
	if ok := one[bool](t, h.pool, "select probes = 3 and probing_until is null and probe_at < now() + interval '6 s' and reason = 'refused' from orderbell.breaker"); !ok {
		t.Error("it counts, or keeps others from probing")
	}
}
