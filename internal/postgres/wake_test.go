package postgres_test

import (
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/postgres"
)

func TestSetWake(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, step := range []struct {
		wake    string
		changed bool
	}{
		{postgres.WakeBell, false},
		{postgres.WakePoll, true},
		{postgres.WakePoll, false},
		{postgres.WakeBell, true},
	} {
		changed, err := h.db.SetWake(t.Context(), step.wake)
		if err != nil || changed != step.changed {
			t.Errorf("to %s: changed %t, %v; want %t", step.wake, changed, err, step.changed)
		}
		if got := one[string](t, h.pool, "select wake from orderbell.setting"); got != step.wake {
			t.Errorf("it is %s, want %s", got, step.wake)
		}
	}
	if _, err := h.db.SetWake(t.Context(), "shout"); err == nil {
		t.Error("it may be set to anything")
	}
}

// While the database is set to poll nobody notifies, not even the bell itself, and
// it keeps no connection; set back, it is tested before it counts.
func TestBellWhileTheDatabasePolls(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := h.bellAt(t, h.url)
	e.saysBell(t)
	e.asleep(t)
	e.quiet()
	e.rings(t, func() { h.setWake(postgres.WakePoll) })
	e.rung(t, "the setting was changed")
	e.look(t)
	e.saysPoll(t, "")
	e.locks(t, 0, 0)
	e.silent(t, func() { h.enqueue("A1") })
	if n := len(all[int](t, h.pool, bellSessions)); n != 0 {
		t.Errorf("%d sessions are kept", n)
	}
	e.rings(t, func() { h.setWake(postgres.WakeBell) })
	e.look(t)
	e.saysBell(t)
	e.locks(t, 1, 0)
	e.rings(t, func() { h.enqueue("A2") })
	e.saysNoMore(t)
}

func TestBellStartsWhileTheDatabasePolls(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.setWake(postgres.WakePoll)
	e := h.bellAt(t, h.url)
	e.silent(t, func() {
		e.saysPoll(t, "")
		e.Sleep()
		h.enqueue("A1")
	})
	e.saysNoMore(t)
}

// Every look says how workers are woken, also one that sees nothing else.
func TestEachLookSeesTheSetting(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, wake := range []string{postgres.WakeBell, postgres.WakePoll} {
		h.setWake(wake)
		for name, look := range map[string]func(*postgres.DB) error{
			"a look":      func(db *postgres.DB) error { _, err := db.Look(t.Context(), time.Now()); return err },
			"a full look": func(db *postgres.DB) error { _, err := db.FullLook(t.Context()); return err },
		} {
			db := h.worker("w-2")
			if err := look(db); err != nil || db.LastWake() != wake {
				t.Errorf("%s sees %q, %v; want %s", name, db.LastWake(), err, wake)
			}
		}
	}
}

func (h *house) setWake(wake string) {
	h.t.Helper()
	if _, err := h.db.SetWake(h.t.Context(), wake); err != nil {
		h.t.Fatal(err)
	}
}
