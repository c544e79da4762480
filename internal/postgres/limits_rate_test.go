package postgres_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

func TestReserveSends(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, test := range []struct {
		rate, next       string // next_at before, from now; empty: none
		wants, gets      int
		first, every, at time.Duration // first: at the most; at: of next_at, from the first
	}{
		{"100", "", 9, 5, 0, 10500 * time.Microsecond, 52500 * time.Microsecond},
		{"100", "", 2, 2, 0, 10500 * time.Microsecond, 21 * ms},
		{"100", "-1 h", 9, 5, 0, 10500 * time.Microsecond, 52500 * time.Microsecond},
		{"10", "", 9, 1, 0, 105 * ms, 105 * ms},
		{"10", "", 0, 0, 0, 105 * ms, 0},
		{"7", "", 9, 1, 0, 150 * 1000 * time.Microsecond, 150 * 1000 * time.Microsecond},
		{"0.25", "", 9, 1, 0, 4200 * ms, 4200 * ms},
		{"0.25", "3 s", 9, 0, 3 * time.Second, 4200 * ms, 0},
		{"10000", "", 1000, 477, 0, 105 * time.Microsecond, 50085 * time.Microsecond},
		{"10000", "", 3, 3, 0, 105 * time.Microsecond, 315 * time.Microsecond},
		// It was slower before, or the clock was set back.
		{"10", "1 h", 9, 0, 155 * ms, 105 * ms, 0},
		{"0.00000000000000000001", "", 9, 1, 0, 3e14 * time.Microsecond, 3e14 * time.Microsecond},
	} {
		t.Run(test.rate+" a second, "+fmt.Sprint(test.wants)+" wanted"+test.next, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.limit("rate_per_second = " + test.rate)
			if test.next != "" {
				h.exec("insert into orderbell.pace values ('m-1', clock_timestamp() + $1::text::interval)", test.next)
			}
			before := one[time.Time](t, h.pool, "select clock_timestamp()")
			got := h.reserve(h.db, 40, test.wants)
			after := one[time.Time](t, h.pool, "select clock_timestamp()")
			if got.Slots != 40 || got.Sends != test.gets || got.Every != test.every || got.First > test.first {
				t.Fatalf("granted %+v, want %+v", got, test)
			}
			if test.gets == 0 {
				if test.first > 0 && got.First < test.first-after.Sub(before)-200*ms {
					t.Errorf("the next one is due in %s, want %s", got.First, test.first)
				}
				return
			}
			next := one[time.Time](t, h.pool, "select next_at from orderbell.pace")
			if start := next.Add(-test.at); start.Before(before) || start.After(after) {
				t.Errorf("the first of them is due at %s, want one between %s and %s", start, before, after)
			}
		})
	}
}

// Turn by turn: what two workers are granted follows on what was granted before, and
// reaches no further than 50 ms ahead.
func TestReserveSendsOfTwoWorkers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.limit("rate_per_second = 200")
	const every = 5250 * time.Microsecond
	workers := []*postgres.DB{h.db, h.worker("w-2")}
	var last time.Time // when the next send may be
	granted := 0
	for turn := 0; granted < 60; turn++ {
		got := h.reserve(workers[turn%2], 0, 1+turn%3)
		after := one[time.Time](t, h.pool, "select clock_timestamp()")
		next := one[time.Time](t, h.pool, "select next_at from orderbell.pace")
		if got.Sends == 0 {
			if !next.Equal(last) || got.First <= 50*time.Millisecond || got.First > 56*time.Millisecond {
				t.Fatalf("granted %+v with the next one at %s, and then at %s", got, last, next)
			}
			continue
		}
		granted += got.Sends
		begin := next.Add(-time.Duration(got.Sends) * every)
		if got.Every != every || begin.Before(last) {
			t.Fatalf("granted %+v from %s on, and before it up to %s", got, begin, last)
		}
		if end := next.Add(-every); end.After(after.Add(50 * time.Millisecond)) {
			t.Fatalf("granted %+v up to %s, and it is %s", got, end, after)
		}
		last = next
	}
}

// All at once: no more than the time that has passed allows.
func TestReserveSendsUnderContention(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.limit("rate_per_second = 100")
	const every = 10500 * time.Microsecond
	begin := time.Now()
	var granted atomic.Int64
	var group errgroup.Group
	for range 6 {
		db := h.worker("w")
		group.Go(func() error {
			for range 25 {
				grants, err := db.Reserve(t.Context(), []outbox.Want{{Endpoint: "m-1", Sends: 3}})
				if err != nil {
					return err
				}
				granted.Add(int64(grants[0].Sends))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if most := 1 + int64((time.Since(begin)+50*time.Millisecond)/every); granted.Load() > most {
		t.Errorf("%d were granted, and %d would be the most", granted.Load(), most)
	}
	if granted.Load() < 5 {
		t.Errorf("%d were granted, want at least those of 50 ms", granted.Load())
	}
}

// A rate that was raised is not kept waiting by what the former one has left.
func TestReserveForgetsASlowerRate(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.limit("rate_per_second = 0.001")
	h.reserve(h.db, 0, 1)
	h.limit("rate_per_second = 1000")
	pgtest.Eventually(t, soon, "a send", func() error {
		if got := h.reserve(h.db, 0, 1); got.Sends != 1 {
			return fmt.Errorf("granted %+v", got)
		}
		return nil
	})
}
