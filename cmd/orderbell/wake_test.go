package main_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbell/orderbell/internal/devpg"
	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// What a worker says of its way of waking, once it is known.
const (
	byBell    = `"wake":"bell"`
	byPolling = `"wake":"poll","reason":"orderbell.setting asks for it`
	unheard   = `"wake":"poll","reason":"the bell cannot be heard: `
)

func TestWake(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, step := range []struct{ wake, says string }{
		{"bell", "wake was already bell: a commit wakes a sleeping worker; orders must not use PREPARE TRANSACTION\n"},
		{"poll", "wake is now poll: commits ring no bell; workers look every second\n"},
		{"poll", "wake was already poll: commits ring no bell; workers look every second\n"},
		{"bell", "wake is now bell: "},
	} {
		run(t, s.env(), "wake", step.wake).wants(t, 0, step.says, "")
		if got := s.get("select wake from orderbell.setting"); got != step.wake {
			t.Errorf("it is %s, want %s", got, step.wake)
		}
	}
}

// The reason for polling: an order that is committed in two phases. While a worker
// sleeps by the bell it cannot be prepared; after `wake poll` it can, and arrives.
func TestWakeForTwoPhaseCommit(t *testing.T) {
	t.Parallel()
	s := newServer(t, map[string]string{"max_prepared_transactions": "5"})
	merchant := merchanttest.New(t)
	s.endpoint("m-1", merchant.URL)
	first := start(t, s.env("ORDERBELL_WORKER_NAME=first"), "work")
	first.says(byBell)
	s.becomes("1", sleepers)
	var refused *pgconn.PgError
	if err := s.prepare("o-0"); !errors.As(err, &refused) || !strings.Contains(refused.Message, "NOTIFY") {
		t.Fatalf("with the bell, preparing ends with: %v", err)
	}

	run(t, s.env(), "wake", "poll").wants(t, 0, "wake is now poll", "")
	first.says(byPolling)
	heard := listen(t, s)
	second := start(t, s.env("ORDERBELL_WORKER_NAME=second"), "work")
	second.says(byPolling)
	s.becomes("0", sleepers)
	if err := s.prepare("o-1"); err != nil {
		t.Fatal(err)
	}
	s.exec("commit prepared 'o-1'")
	merchant.Wait(withTimeout(t), 1)
	s.becomes("acknowledged", "select state from orderbell.notification_status")
	if n := heard(); n != 0 {
		t.Errorf("%d notifications came while workers poll", n)
	}

	run(t, s.env(), "wake", "bell").wants(t, 0, "wake is now bell", "")
	for _, worker := range []*process{first, second} {
		worker.says(byBell)
	}
	s.becomes("2", sleepers)
	heard()
	s.enqueue("m-1", "o-2")
	merchant.Wait(withTimeout(t), 2)
	if n := heard(); n != 1 {
		t.Errorf("%d notifications came of an order, want 1", n)
	}
	// Once at its start, and at each change.
	if n := strings.Count(first.stderr.String(), `"wake":`); n != 3 {
		t.Errorf("the first worker said it %d times", n)
	}
}

// The way for listening may be another one, and its user needs no right at all.
func TestListenURL(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	merchant := merchanttest.New(t)
	s.endpoint("m-1", merchant.URL)
	user := newUser(t)
	door := newDoor(t, user.url(t, s.url))
	door.open()
	worker := start(t, s.env("ORDERBELL_DATABASE_LISTEN_URL="+door.url), "work")
	worker.says(byBell)
	s.becomes(user.name, `select coalesce(string_agg(a.usename, ','), '') from pg_locks l join pg_stat_activity a using (pid)
		where l.locktype = 'advisory' and l.objid = 1 and a.datname = current_database() and l.granted`)
	heard := listen(t, s)
	s.enqueue("m-1", "o-1")
	merchant.Wait(withTimeout(t), 1)
	if n := heard(); n != 1 {
		t.Errorf("%d notifications came of an order, want 1", n)
	}
}

// A way that leads elsewhere is told at once, and costs a second and no delivery.
func TestListenURLOfAnotherDatabase(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	merchant := merchanttest.New(t)
	s.endpoint("m-1", merchant.URL)
	worker := start(t, s.env("ORDERBELL_DATABASE_LISTEN_URL="+pgtest.Empty(t)), "work")
	worker.says(unheard + `it is heard in another database than orders are written to","remedy":"let database.listen_url lead`)
	s.enqueue("m-1", "o-1")
	merchant.Wait(withTimeout(t), 1)
	if n := strings.Count(worker.stderr.String(), `"wake":`); n != 1 {
		t.Errorf("it was said %d times", n)
	}
}

const sleepers = `select count(*)::text from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock' and objid = 1
	and database = (select oid from pg_database where datname = current_database())`

// newServer is a shop on a server of its own, with these settings.
func newServer(t testing.TB, settings map[string]string) *shop {
	t.Helper()
	settings["shared_buffers"] = "32MB"
	server, err := devpg.Start(t.Context(), devpg.Options{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	url := server.URL("postgres")
	run(t, []string{"ORDERBELL_DATABASE_URL=" + url}, "migrate", "up").wants(t, 0, "applied", "")
	return shopAt(t, url)
}

// prepare writes an order's notification and prepares its transaction, which is
// rolled back where that fails.
func (s *shop) prepare(orderNo string) error {
	s.t.Helper()
	conn := connect(s.t, s.url)
	for _, statement := range []string{
		"begin",
		"select orderbell.enqueue('m-1', 'trade.success', '" + orderNo + "', '{}')",
		"prepare transaction '" + orderNo + "'",
	} {
		if _, err := conn.Exec(s.t.Context(), statement); err != nil {
			return err
		}
	}
	return nil
}

// listen returns a function that counts the rings since it was last called.
func listen(t testing.TB, s *shop) func() int {
	t.Helper()
	conn := connect(t, s.url)
	if _, err := conn.Exec(t.Context(), "listen orderbell; listen the_end"); err != nil {
		t.Fatal(err)
	}
	return func() (n int) {
		t.Helper()
		s.exec("select pg_notify('the_end', '')") // they come in the order of the commits
		for {
			notification, err := conn.WaitForNotification(withTimeout(t))
			if err != nil {
				t.Fatal(err)
			}
			if notification.Channel == "the_end" {
				return n
			}
			n++
		}
	}
}
