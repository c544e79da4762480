package postgres_test

import (
	"testing"
	"time"
)

func TestMakePartitions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	made := func(wantMade, wantMissing int) {
		t.Helper()
		made, missing, err := h.db.MakePartitions(t.Context())
		if err != nil || made != wantMade || missing != wantMissing {
			t.Errorf("%d made and %d missing, %v; wanted %d and %d", made, missing, err, wantMade, wantMissing)
		}
	}
	made(0, 0)
	inAWeek := time.Now().UTC().AddDate(0, 0, 7).Format("20060102")
	h.exec("drop table orderbell.notification_" + inAWeek)
	h.exec("drop table orderbell.finished_" + inAWeek)
	made(2, 0)
	// Detached, but still there: it is not attached again by itself.
	h.exec("alter table orderbell.attempt detach partition orderbell.attempt_" + inAWeek)
	made(0, 1)
}

// A day that has no partition fails no order: its rows go to the default partition,
// are delivered like all others, and keep the day from being made, which is told.
func TestDayWithoutAPartition(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	today := one[string](t, h.pool, "select to_char(now() at time zone 'UTC', 'YYYYMMDD')")
	for _, parent := range []string{"notification", "attempt", "finished"} {
		h.exec("drop table orderbell." + parent + "_" + today)
	}
	claim := h.claimed("A1")
	if n := one[int](t, h.pool, "select count(*) from orderbell.notification_default"); n != 1 {
		t.Errorf("%d rows are in the default partition, wanted 1", n)
	}
	h.settle(result(claim, "acknowledged"))
	if state := one[string](t, h.pool, "select state from orderbell.notification_status"); state != "acknowledged" {
		t.Errorf("it is %s", state)
	}
	if _, missing, err := h.db.MakePartitions(t.Context()); err != nil || missing != 3 {
		t.Errorf("%d partitions are missing, %v; wanted 3", missing, err)
	}
}
