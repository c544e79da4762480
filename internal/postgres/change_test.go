package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

// told counts the changes that are told of something, as ears.heard does.
func (h *house) told(t testing.TB, conn *pgx.Conn, of func()) (n int) {
	t.Helper()
	of()
	h.exec("select pg_notify('the_end', '')")
	for {
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		notification, err := conn.WaitForNotification(ctx)
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

func (h *house) toldOn(t testing.TB) *pgx.Conn {
	t.Helper()
	conn := connect(t, h.url)
	if _, err := conn.Exec(t.Context(), "listen orderbell_change; listen the_end"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// What operators change is told to every worker, asleep or not; what workers write
// themselves is not.
func TestChangesAreTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("insert into orderbell.policy (name, ladder, acknowledge) values ('ours', '{1s}', 'true')")
	conn := h.toldOn(t)
	statement := func(sql string) func() { return func() { h.exec(sql) } }
	for _, test := range []struct {
		name string
		of   func()
		want int
	}{
		{"a pause", statement("select orderbell.pause('m-1')"), 1},
		{"the end of a pause", statement("select orderbell.resume('m-1')"), 1},
		{"a resume of what was not paused", statement("select orderbell.resume('m-1')"), 1},
		{"a new endpoint", statement("insert into orderbell.endpoint (id, url) values ('m-2', 'http://two.example')"), 1},
		{"another limit", statement("update orderbell.endpoint set max_in_flight = 3"), 1},
		{"an endpoint less", statement("delete from orderbell.endpoint where id = 'm-2'"), 1},
		{"a new policy", statement("insert into orderbell.policy (name, ladder, acknowledge) values ('theirs', '{1s}', 'true')"), 1},
		{"another ladder", statement("update orderbell.policy set ladder = '{2s}' where name = 'theirs'"), 1},
		{"another first wait", statement("update orderbell.policy set first_wait = '2 s' where name = 'theirs'"), 1},
		{"a policy less", statement("delete from orderbell.policy where name = 'theirs'"), 1},
		{"a fault", func() {
			if err := h.db.SetFault(t.Context(), h.policies()["ours"], "it does not compile"); err != nil {
				t.Fatal(err)
			}
		}, 0},
		{"an order", func() { h.enqueue("A1") }, 0},
		{"a breaker", func() { h.breaks(h.db, outbox.Breaking{Endpoint: "m-1", Open: true, Reason: "refused"}) }, 0},
		{"a reservation", func() { h.reserve(h.db, 1, 1) }, 0},
		{"wake poll", func() { h.setWake(postgres.WakePoll) }, 0},
		{"a pause while workers poll", statement("select orderbell.pause('m-1')"), 0},
	} {
		if n := h.told(t, conn, test.of); n != test.want {
			t.Errorf("%s was told %d times, want %d", test.name, n, test.want)
		}
	}
	if f := one[*string](t, h.pool, "select fault from orderbell.policy where name = 'ours'"); f == nil {
		t.Error("the fault was not written")
	}
}

// A column that is added to policy must be told of, unless it is one of workers.
func TestEveryColumnOfPolicyIsToldOf(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	untold := all[string](t, h.pool, `
		select a.attname::text from pg_attribute a, pg_trigger t
		where a.attrelid = 'orderbell.policy'::regclass and a.attnum > 0 and not a.attisdropped
		  and t.tgrelid = a.attrelid and t.tgname = 'policy_changed' and a.attnum <> all (t.tgattr::int2[])`)
	if len(untold) != 1 || untold[0] != "fault" {
		t.Errorf("not told of: %v, want fault alone", untold)
	}
}

func TestBellHearsChanges(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := h.bell(t)
	for _, call := range []string{"pause('m-1')", "resume('m-1')"} {
		before := e.Changes()
		e.quiet()
		h.exec("select orderbell." + call)
		e.rung(t, call)
		e.changed(t, before)
	}
	before := e.Changes()
	e.asleep(t)
	e.quiet()
	h.enqueue("A1")
	e.rung(t, "an order")
	if got := e.Changes(); got != before {
		t.Errorf("an order counts as %d changes", got-before)
	}
}

// What was changed while a session was lost was not heard.
func TestBellCountsAReconnectAsAChange(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := h.bell(t)
	before := e.Changes()
	if before == 0 {
		t.Error("what was changed before it listened is not counted")
	}
	h.exec(`select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and query like '/* orderbell:listen */%'`)
	e.changed(t, before)
	e.live(t)
}

// changed waits until Changes has moved.
func (e *ears) changed(t testing.TB, from uint64) {
	t.Helper()
	pgtest.Eventually(t, soon, "Changes to move", func() error {
		if e.Changes() == from {
			return errors.New("it has not")
		}
		return nil
	})
}
