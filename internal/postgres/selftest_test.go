package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/devpg"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

// says waits for what the bell says next.
func (e *ears) says(t testing.TB) postgres.Hearing {
	t.Helper()
	select {
	case hearing := <-e.said:
		return hearing
	case <-time.After(2 * soon):
		t.Fatal("the bell says nothing")
		panic("unreachable")
	}
}

func (e *ears) saysBell(t testing.TB) {
	t.Helper()
	if got := e.says(t); got != (postgres.Hearing{Wake: postgres.WakeBell}) {
		t.Errorf("it says %+v", got)
	}
	e.live(t)
}

func (e *ears) saysPoll(t testing.TB, why string) {
	t.Helper()
	if got := e.says(t); got.Wake != postgres.WakePoll || !strings.Contains(got.Unheard, why) || (why == "" && got.Unheard != "") {
		t.Errorf("it says %+v, want to poll because: %s", got, why)
	}
	if e.Live() {
		t.Error("it is live")
	}
}

// saysNoMore is for the end of a test.
func (e *ears) saysNoMore(t testing.TB) {
	t.Helper()
	select {
	case got := <-e.said:
		t.Errorf("it also says %+v", got)
	default:
	}
}

func TestBellSaysThatItIsHeard(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := h.bellAt(t, h.url)
	e.saysBell(t)
	// Its test rang for nobody else, and left nothing behind.
	e.silent(t, func() {})
	if n := one[int](t, h.pool, `select count(*) from pg_locks where locktype = 'advisory'
		and database = (select oid from pg_database where datname = current_database())`); n != 0 {
		t.Errorf("%d advisory locks are left", n)
	}
	e.saysNoMore(t)
}

// A bell that would not be heard is noticed at the start.
func TestBellThatCannotBeHeard(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault fault
		why   string
	}{
		"notifications are swallowed":    {fault{deaf: true}, "a ring of its own did not arrive"},
		"locks are taken elsewhere":      {fault{old: "(1330791493, ", new: "(1330791494, "}, "the sleeper's lock is not seen by others"},
		"statements go to many sessions": {fault{old: "unlock(1330791493, -", new: "unlock(1330791494, -"}, "the sleeper's lock was lost by its session"},
		"LISTEN is refused":              {fault{old: "listen orderbell; ", new: "lasten orderbell; "}, "syntax error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			p := newPooler(t, h.url)
			p.set(&test.fault)
			e := h.bellAt(t, p.url)
			e.saysPoll(t, test.why)
			// It is tried again, and a pooler may be taken out of the way.
			p.set(nil)
			e.saysBell(t)
			e.saysNoMore(t)
		})
	}
}

func TestBellInAnotherDatabase(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := h.bellAt(t, pgtest.Database(t))
	e.saysPoll(t, "in another database than orders are written to")
	e.saysNoMore(t)
}

func TestBellAtAnotherServer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := h.bellAt(t, startServer(t).URL("postgres"))
	e.saysPoll(t, "in another database than orders are written to")
}

// Where nobody listens at all, or only to others, it says what the connection said.
func TestBellWithoutAConnection(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, test := range map[string]struct {
		change func(*url.URL)
		why    string
	}{
		"no database":    {func(u *url.URL) { u.Path = "/nosuchdatabase" }, `database "nosuchdatabase" does not exist`},
		"no server":      {func(u *url.URL) { u.Host = "127.0.0.1:1" }, "connection refused"},
		"wrong password": {func(u *url.URL) { u.User = url.UserPassword("orderbell", "hunter2") }, "password authentication failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(h.url)
			if err != nil {
				t.Fatal(err)
			}
			test.change(u)
			h := &house{t: t, url: h.url, pool: h.pool, db: h.worker("w-1")}
			e := h.bellAt(t, u.String())
			got := e.says(t)
			if got.Wake != postgres.WakePoll || !strings.Contains(got.Unheard, test.why) || strings.Contains(got.Unheard, "hunter2") {
				t.Errorf("it says %+v, want to poll because: %s", got, test.why)
			}
		})
	}
}

// A bell that was heard and no longer is: the worker learns it, and nobody is told
// of a loss that mends itself.
func TestBellIsTestedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := newPooler(t, h.url)
	e := h.bellAt(t, p.url)
	e.saysBell(t)
	e.asleep(t)
	e.quiet()
	p.set(nil) // a loss
	e.rung(t, "the sessions were lost")
	e.live(t)
	e.locks(t, 1, 0)
	p.set(&fault{deaf: true})
	e.saysPoll(t, "a ring of its own did not arrive")
	p.set(nil)
	e.saysBell(t)
	e.locks(t, 1, 0)
	e.rings(t, func() { h.enqueue("A1") })
	e.saysNoMore(t)
}

func TestManyBellsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var all []*ears
	for range 10 {
		all = append(all, h.bellAt(t, h.url))
	}
	for _, e := range all {
		e.saysBell(t)
	}
	// Also with a sleeper that holds the lock of all of them.
	all[0].asleep(t)
	h.bellAt(t, h.url).saysBell(t)
}

// The database goes away in the middle of the test, which is no verdict.
func TestDatabaseRestartsDuringTheTest(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	if err := postgres.MigrateUp(t.Context(), server.URL("postgres")); err != nil {
		t.Fatal(err)
	}
	h := houseAt(t, server.URL("postgres"))
	p := newPooler(t, h.url)
	p.set(&fault{deaf: true}) // the test waits
	e := h.bellAt(t, p.url)
	pgtest.Eventually(t, soon, "the test to begin", func() error {
		if one[int](t, h.pool, "select count(*) from pg_stat_activity where query like '/* orderbell:test_bell */%'") == 0 {
			return errors.New("it has not")
		}
		return nil
	})
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.fault.Store(nil)
	e.saysBell(t)
	e.saysNoMore(t)
}

// startServer starts a server that is not the one of the other tests.
func startServer(t testing.TB) *devpg.Server {
	t.Helper()
	server, err := devpg.Start(t.Context(), devpg.Options{Settings: map[string]string{"shared_buffers": "32MB"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return server
}
