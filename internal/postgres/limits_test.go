package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

// reserve asks for m-1, and returns the one grant.
func (h *house) reserve(db *postgres.DB, slots, sends int) outbox.Grant {
	h.t.Helper()
	grants, err := db.Reserve(h.t.Context(), []outbox.Want{{Endpoint: "m-1", Slots: slots, Sends: sends}})
	if err != nil || len(grants) != 1 || grants[0].Endpoint != "m-1" {
		h.t.Fatalf("granted %v, %v", grants, err)
	}
	return grants[0]
}

func (h *house) limit(set string) {
	h.t.Helper()
	h.exec("update orderbell.endpoint set " + set + " where id = 'm-1'")
}

func TestReserveWithoutLimits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	got, err := h.db.Reserve(t.Context(), []outbox.Want{{Endpoint: "m-1", Slots: 300, Sends: 200}, {Endpoint: "nobody", Slots: 1, Sends: 1}})
	want := []outbox.Grant{{Endpoint: "m-1", Slots: 300, Sends: 200}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("grants (-want +got):\n%s%v", diff, err)
	}
	if n := one[int](t, h.pool, "select (select count(*) from orderbell.slot) + (select count(*) from orderbell.pace)"); n != 0 {
		t.Errorf("%d rows were written for nothing", n)
	}
	if _, err := h.db.Reserve(t.Context(), []outbox.Want{{Endpoint: "m-1"}, {Endpoint: "m-1"}}); err == nil {
		t.Error("an endpoint may be wanted twice")
	}
	if got, err := h.db.Reserve(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("nothing wanted, granted %v, %v", got, err)
	}
}

// Whoever asks while others hold slots gets what they leave.
func TestReserveSlots(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first, second := h.db, h.worker("w-1") // of one name, and yet two
	h.limit("max_in_flight = 5")
	for i, step := range []struct {
		before string // SQL
		db     *postgres.DB
		wants  int
		gets   int
	}{
		{db: first, wants: 3, gets: 3},
		{db: second, wants: 3, gets: 2},
		{db: first, wants: 5, gets: 3},
		{db: first, wants: 1, gets: 1},
		{db: second, wants: 9, gets: 4},
		{db: first, wants: 0, gets: 0},
		{db: second, wants: 9, gets: 5},
		{db: first, wants: 1, gets: 0},
		{db: first, wants: -1, gets: 0},
		// The cap is lowered below what is held: nobody gets more, and who holds more keeps
		// what it still needs.
		{before: "update orderbell.endpoint set max_in_flight = 3", db: first, wants: 1, gets: 0},
		{db: second, wants: 9, gets: 5},
		{db: second, wants: 3, gets: 3},
		{before: "update orderbell.endpoint set max_in_flight = 4", db: first, wants: 9, gets: 1},
		// A worker that has died: its lease ends.
		{before: "update orderbell.slot set leased_until = now() - interval '1 s' where slots = 3", db: first, wants: 9, gets: 4},
		{db: second, wants: 3, gets: 0}, // it lives, and is too late
		{before: "update orderbell.endpoint set max_in_flight = null", db: second, wants: 30, gets: 30},
	} {
		if step.before != "" {
			h.exec(step.before)
		}
		if got := h.reserve(step.db, step.wants, 7); got.Slots != step.gets || got.Sends != 7 || got.First != 0 || got.Every != 0 {
			t.Errorf("step %d: granted %+v, want %d slots and 7 sends", i+1, got, step.gets)
		}
	}
}

// A lease is as long as a row's; what dead workers have left is tidied up.
func TestReserveLeases(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.limit("max_in_flight = 5")
	h.exec(`insert into orderbell.slot values
		('m-1', 'dead/0000', 5, now() - interval '2 min'), ('m-1', 'late/0000', 5, now() - interval '2 s')`)
	h.reserve(h.db, 2, 0)
	left := one[time.Duration](t, h.pool, "select leased_until - clock_timestamp() from orderbell.slot where holder like 'w-1/%'")
	if left <= 0 || left > postgres.Lease {
		t.Errorf("the lease lasts for %s, want %s", left, postgres.Lease)
	}
	want := []string{"late/0000"}
	if diff := cmp.Diff(want, all[string](t, h.pool, "select holder from orderbell.slot where holder not like 'w-1/%'")); diff != "" {
		t.Errorf("left of others (-want +got):\n%s", diff)
	}
	h.move(h.enqueue("A1"), "attempt_count = 0") // has nothing to do with it
	h.exec("delete from orderbell.endpoint")
	if n := one[int](t, h.pool, "select (select count(*) from orderbell.slot) + (select count(*) from orderbell.pace)"); n != 0 {
		t.Errorf("%d rows are left of an endpoint that was deleted", n)
	}
}

// Many workers that take and give back at once never hold more than there are. A
// worker's count goes down before it gives back, and up once it was granted more.
func TestReserveIsStrict(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const limit, workers, rounds = 7, 6, 60
	h.limit(fmt.Sprintf("max_in_flight = %d", limit))
	var held, most atomic.Int64
	var group errgroup.Group
	for range workers {
		db := h.worker("w")
		group.Go(func() error {
			mine := int64(0)
			for range rounds {
				wants := int64(rand.IntN(limit + 2))
				if wants < mine {
					held.Add(wants - mine)
					mine = wants
				}
				grants, err := db.Reserve(t.Context(), []outbox.Want{{Endpoint: "m-1", Slots: int(wants)}})
				if err != nil {
					return err
				}
				got := int64(grants[0].Slots)
				now := held.Add(got - mine)
				mine = got
				if now > limit {
					return fmt.Errorf("%d of %d are held", now, limit)
				}
				for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if most.Load() != limit {
		t.Errorf("at most %d of %d were held", most.Load(), limit)
	}
}

// What somebody is about to take is waited for, and counted.
func TestReserveCountsAfterItHasWaited(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.limit("max_in_flight = 5")
	other := h.begin()
	const taken = "select slots from orderbell.reserve('{m-1}', '{4}', '{0}', 'other/0000', '8 s')"
	if n := one[int](t, other, taken); n != 4 {
		t.Fatalf("the other one has %d", n)
	}
	granted := make(chan outbox.Grant, 1)
	go func() { granted <- h.reserve(h.db, 3, 0) }()
	pgtest.Eventually(t, soon, "the second one to wait", func() error {
		if !one[bool](t, h.pool, "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '/* orderbell:reserve */%')") {
			return errors.New("it does not")
		}
		return nil
	})
	if err := other.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-granted; got.Slots != 1 {
		t.Errorf("granted %d, want 1", got.Slots)
	}
}

// Workers that want the same endpoints in another order wait for each other.
func TestReserveDoesNotDeadlock(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("insert into orderbell.endpoint (id, url, max_in_flight) select 'x-' || n, 'http://shop.example/', 3 from generate_series(1, 20) n")
	var group errgroup.Group
	for range 4 {
		db := h.worker("w")
		group.Go(func() error {
			for range 20 {
				var wants []outbox.Want
				for _, n := range rand.Perm(20) {
					wants = append(wants, outbox.Want{Endpoint: fmt.Sprint("x-", n+1), Slots: 1})
				}
				if _, err := db.Reserve(t.Context(), wants); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// An open transaction that holds what is counted by holds up nobody else: there is no grant
// for its endpoint, and what was held before stays.
func TestReservePassesOverOpenTransactions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.limit("max_in_flight = 5")
	h.exec("insert into orderbell.endpoint (id, url, max_in_flight) values ('m-9', 'http://shop.example/', 5)")
	h.reserve(h.db, 2, 0)
	tx, err := h.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	if _, err := tx.Exec(t.Context(), "delete from orderbell.endpoint where id = 'm-1'"); err != nil {
		t.Fatal(err)
	}
	grants, err := h.db.Reserve(t.Context(), []outbox.Want{{Endpoint: "m-1", Slots: 3}, {Endpoint: "m-9", Slots: 3}})
	if err != nil || len(grants) != 1 || grants[0].Endpoint != "m-9" || grants[0].Slots != 3 {
		t.Errorf("granted %+v, %v", grants, err)
	}
}
