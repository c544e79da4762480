package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/postgres"
)

func TestBellIsSilentWhileNobodySleeps(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := h.bell(t)
	e.silent(t, func() { h.enqueue("A1") })
	e.silent(t, func() { h.exec("update orderbell.policy set timeout = '5 s' where name = 'standard'") })
}

func TestBellRingsForASleeper(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]func(h *house){
		"an order": func(h *house) { h.enqueue("A1") },
		"a plain INSERT": func(h *house) {
			h.exec("insert into orderbell.notification (endpoint, event, order_no, body) values ('m-1', 'e', 'A1', '')")
		},
		"a policy that mended": func(h *house) { h.exec("update orderbell.policy set acknowledge = 'true' where name = 'standard'") },
		"a new endpoint": func(h *house) {
			h.exec("insert into orderbell.endpoint (id, url) values ('m-2', 'http://shop.example/')")
		},
		"another way to wake": func(h *house) { h.exec("update orderbell.setting set wake = 'poll'") },
		"a changed endpoint":  func(h *house) { h.exec("update orderbell.endpoint set url = 'http://elsewhere.example/'") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			e := h.bell(t)
			e.asleep(t)
			e.quiet()
			e.rings(t, func() { of(h) })
			e.rung(t, name)
		})
	}
}

// What makes no row due wakes nobody.
func TestBellIsSilentForWhatIsNotSent(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]func(h *house){
		"a rejected row": func(h *house) { h.exec("select orderbell.enqueue('m-1', 'e', 'A1', '', url => 'ftp://x')") },
		"a rollback": func(h *house) {
			tx := h.begin()
			_ = one[any](h.t, tx, "select orderbell.enqueue('m-1', 'e', 'A1', '')")
			_ = tx.Rollback(h.t.Context())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			e := h.bell(t)
			e.asleep(t)
			e.silent(t, func() { of(h) })
		})
	}
}

// The heart of it: an order that did not ring is open when a worker lies down.
// The worker sleeps only once that has ended, and looks then; what comes
// meanwhile rings.
func TestBellLosesNoOrderThatDidNotRing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := h.bell(t)
	order := h.begin()
	e.silent(t, func() { _ = one[any](t, order, "select orderbell.enqueue('m-1', 'e', 'A1', '')") })
	e.Sleep()
	e.locks(t, 0, 1)
	e.quiet() // it was signalled when the bell began
	e.rings(t, func() { h.enqueue("A2") })
	e.rung(t, "another order")
	select {
	case <-e.Rung():
		t.Fatal("Rung was signalled again while the first order was open")
	default:
		e.locks(t, 0, 1)
	}
	if err := order.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.rung(t, "the order has ended")
	e.locks(t, 1, 0)
	if look, err := h.db.Look(t.Context(), time.Now()); err != nil || len(look.Endpoints) != 1 {
		t.Errorf("the look after it found %v, %v", look.Endpoints, err)
	}
}

func TestBellLetsGoWhenItWakes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := h.bell(t)
	e.asleep(t)
	e.Wake()
	e.locks(t, 0, 0)
	e.silent(t, func() { h.enqueue("A1") })
	e.asleep(t)
	e.rings(t, func() { h.enqueue("A2") })
}

// Of two that sleep one holds the lock; when it wakes the other gets it.
func TestBellWithTwoSleepers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first, second := h.bell(t), h.bell(t)
	first.asleep(t)
	second.Sleep()
	first.locks(t, 1, 1)
	second.quiet()
	first.Wake()
	first.locks(t, 1, 0)
	second.rung(t, "it was granted the lock")
	first.rings(t, func() { h.enqueue("A1") })
}

func TestBellComesBackWhenItCannotListen(t *testing.T) {
	t.Parallel()
	comesBack(t, "orderbell:listen")
}

// A sleeper that has lost its lock is not woken any more, so it must notice.
func TestBellComesBackWhenTheLockIsLost(t *testing.T) {
	t.Parallel()
	comesBack(t, "orderbell:sleep")
}

func comesBack(t *testing.T, tag string) {
	t.Helper()
	h := newHouse(t)
	e := h.bell(t)
	e.asleep(t)
	e.quiet()
	if n := len(all[bool](t, h.pool, `
		select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and query like '/* ' || $1 || ' */%'`, tag)); n != 1 {
		t.Fatalf("%d sessions were ended", n)
	}
	e.rung(t, "a session was lost")
	e.live(t)
	e.locks(t, 1, 0)
	e.rings(t, func() { h.enqueue("A1") })
	e.rung(t, "an order after the loss")
}

// A worker that is busy again behind a long order stops asking, so that commits
// are silent again. It takes two looks, three seconds apart.
func TestBellWithdraws(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := h.bell(t)
	order := h.begin()
	_ = one[any](t, order, "select orderbell.enqueue('m-1', 'e', 'A1', '')")
	e.Sleep()
	e.locks(t, 0, 1)
	before := all[int](t, h.pool, bellSessions)
	e.Wake()
	e.locks(t, 0, 0)
	if !e.Live() {
		t.Error("withdrawing cost the connection")
	}
	if after := all[int](t, h.pool, bellSessions); len(after) != 2 || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("its sessions were %v and are %v", before, after)
	}
	e.silent(t, func() { h.enqueue("A2") })
	if err := order.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.asleep(t)
	e.rings(t, func() { h.enqueue("A3") })
}

const bellSessions = `
	select pid from pg_stat_activity
	where datname = current_database() and application_name = 'orderbell/w-1' and query ~ 'orderbell:(listen|sleep|wake)'
	order by pid`

func TestBellKnowsABadURL(t *testing.T) {
	t.Parallel()
	_, err := postgres.NewBell(newHouse(t).db, "postgres://shop:hunter2@127.0.0.1:port/shop", nil)
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("it said: %v", err)
	}
}
