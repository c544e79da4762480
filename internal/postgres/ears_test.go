package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

// soon is how long a signal may take that should come at once.
const soon = 10 * time.Second

// ears are a bell that runs, and a connection that hears what it hears.
type ears struct {
	*postgres.Bell
	h    *house
	said chan postgres.Hearing
	conn *pgx.Conn
}

// bell runs a bell until the test ends.
func (h *house) bell(t testing.TB) *ears {
	t.Helper()
	e := h.bellAt(t, h.url)
	e.live(t)
	return e
}

// bellAt runs a bell that listens there, whether or not it can hear anything.
func (h *house) bellAt(t testing.TB, url string) *ears {
	t.Helper()
	e := &ears{h: h, said: make(chan postgres.Hearing, 100), conn: connect(t, h.url)}
	bell, err := postgres.NewBell(h.db, url, func(hearing postgres.Hearing) { e.said <- hearing })
	if err != nil {
		t.Fatal(err)
	}
	e.Bell = bell
	if _, err := e.conn.Exec(t.Context(), "listen orderbell; listen the_end"); err != nil {
		t.Fatal(err)
	}
	e.look(t) // the worker's first
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		bell.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(soon):
			t.Error("the bell does not stop")
		}
	})
	return e
}

// look is a worker's: the bell learns from it.
func (e *ears) look(t testing.TB) {
	t.Helper()
	if _, err := e.h.db.FullLook(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (e *ears) live(t testing.TB) {
	t.Helper()
	pgtest.Eventually(t, soon, "the bell to be live", func() error {
		if !e.Live() {
			return errors.New("it is not")
		}
		return nil
	})
}

// rung waits for the signal, and takes it.
func (e *ears) rung(t testing.TB, why string) {
	t.Helper()
	select {
	case <-e.Rung():
	case <-time.After(soon):
		t.Fatalf("Rung is not signalled: %s", why)
	}
}

// quiet takes a signal that may be there.
func (e *ears) quiet() {
	select {
	case <-e.Rung():
	default:
	}
}

// asleep falls asleep and waits until the lock is granted.
func (e *ears) asleep(t testing.TB) {
	t.Helper()
	e.Sleep()
	e.locks(t, 1, 0)
}

// locks waits until so many sleepers hold the lock and so many wait for it.
func (e *ears) locks(t testing.TB, granted, waiting int) {
	t.Helper()
	pgtest.Eventually(t, soon, fmt.Sprintf("%d locks granted, %d waited for", granted, waiting), func() error {
		g, w := e.sleepers(t)
		if g != granted || w != waiting {
			return fmt.Errorf("%d are granted, %d waited for", g, w)
		}
		return nil
	})
}

func (e *ears) sleepers(t testing.TB) (granted, waiting int) {
	t.Helper()
	err := e.h.pool.QueryRow(t.Context(), `
		select count(*) filter (where granted), count(*) filter (where not granted)
		from pg_locks
		where locktype = 'advisory' and classid = 1330791493 and objid = 1 and mode = 'ExclusiveLock'
		  and database = (select oid from pg_database where datname = current_database())`).Scan(&granted, &waiting)
	if err != nil {
		t.Fatal(err)
	}
	return granted, waiting
}

// heard counts the notifications that came of something. They come in the order
// of the commits, so that one of our own, which the bell does not hear, marks
// the end.
func (e *ears) heard(t testing.TB, of func()) (n int) {
	t.Helper()
	of()
	e.h.exec("select pg_notify('the_end', '')")
	for {
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		notification, err := e.conn.WaitForNotification(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if notification.Channel == "the_end" {
			return n
		}
		n++
	}
}

func (e *ears) rings(t testing.TB, of func()) {
	t.Helper()
	if n := e.heard(t, of); n != 1 {
		t.Errorf("%d notifications came, want 1", n)
	}
}

func (e *ears) silent(t testing.TB, of func()) {
	t.Helper()
	if n := e.heard(t, of); n != 0 {
		t.Errorf("%d notifications came, want none", n)
	}
}
