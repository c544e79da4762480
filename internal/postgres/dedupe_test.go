package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/pgtest"
)

func TestEnqueueTwiceWithOneKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("insert into orderbell.endpoint (id, url) values ('m-2', 'http://two.example/')")
	enqueue := func(endpoint, key string) outbox.ID {
		t.Helper()
		return one[outbox.ID](t, h.pool, "select orderbell.enqueue($1, 'e', 'A1', '', dedupe_key => $2)", endpoint, key)
	}
	first := enqueue("m-1", "k")
	if again := enqueue("m-1", "k"); again != first {
		t.Error("the second enqueue has an id of its own")
	}
	if other := enqueue("m-2", "k"); other == first {
		t.Error("another endpoint's key is the same one")
	}
	if other := enqueue("m-1", "K"); other == first {
		t.Error("another key is the same one")
	}
	if n := one[int](t, h.pool, "select count(*) from orderbell.notification"); n != 3 {
		t.Errorf("%d notifications are there, want 3", n)
	}
	h.cancel("A1")
	if again := enqueue("m-1", "k"); again != first {
		t.Error("once the first has ended, the key is free again")
	}

	late := one[outbox.ID](t, h.pool, "insert into orderbell.notification (endpoint, event, order_no, body, dedupe_key) values ('m-1', 'e', 'A2', '', 'k') returning id")
	want := standing{State: "cancelled", Reason: "duplicate of " + outbox.FormatID(first)}
	if got := h.standing(late); got != want {
		t.Errorf("a plain INSERT stands at %+v, want %+v", got, want)
	}
}

// Of several in one INSERT the first is kept.
func TestInsertDuplicatesInOneStatement(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`insert into orderbell.notification (endpoint, event, order_no, body, dedupe_key)
		select 'm-1', 'e', n::text, '', 'k' || n % 2 from generate_series(1, 10) n`)
	if n := one[int](t, h.pool, "select count(*) from orderbell.delivery"); n != 2 {
		t.Errorf("%d are delivered, want one for each key", n)
	}
	if n := one[int](t, h.pool, "select count(*) from orderbell.finished where state = 'cancelled' and reason like 'duplicate of %'"); n != 8 {
		t.Errorf("%d are cancelled, want 8", n)
	}
}

// Where the first with a key is not committed, the second waits for it, and then
// has its id, or its turn.
func TestEnqueueWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		commit  bool
		second  string
		same    bool // the first's id comes back
		deliver int
	}{
		"enqueue, committed":   {commit: true, second: "select orderbell.enqueue('m-1', 'e', 'A2', '', dedupe_key => 'k')", same: true, deliver: 1},
		"enqueue, rolled back": {second: "select orderbell.enqueue('m-1', 'e', 'A2', '', dedupe_key => 'k')", deliver: 1},
		"INSERT, committed":    {commit: true, second: "insert into orderbell.notification (endpoint, event, order_no, body, dedupe_key) values ('m-1', 'e', 'A2', '', 'k') returning id", deliver: 1},
		"INSERT, rolled back":  {second: "insert into orderbell.notification (endpoint, event, order_no, body, dedupe_key) values ('m-1', 'e', 'A2', '', 'k') returning id", deliver: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			first := h.begin()
			id := one[outbox.ID](t, first, "select orderbell.enqueue('m-1', 'e', 'A1', '', dedupe_key => 'k')")
			type answer struct {
				id  outbox.ID
				err error
			}
			answers := make(chan answer, 1)
			go func() {
				var a answer
				a.err = h.pool.QueryRow(context.WithoutCancel(t.Context()), test.second).Scan(&a.id)
				answers <- a
			}()
			h.somebodyWaits()
			end := first.Rollback
			if test.commit {
				end = first.Commit
			}
			if err := end(t.Context()); err != nil {
				t.Fatal(err)
			}
			a := <-answers
			if a.err != nil || (a.id == id) != test.same {
				t.Errorf("it answered %s, %v; the first is %s", outbox.FormatID(a.id), a.err, outbox.FormatID(id))
			}
			if n := one[int](t, h.pool, "select count(*) from orderbell.delivery"); n != test.deliver {
				t.Errorf("%d are delivered, want %d", n, test.deliver)
			}
			if strings.HasPrefix(test.second, "insert") && test.commit {
				if got := h.standing(a.id); got.Reason != "duplicate of "+outbox.FormatID(id) {
					t.Errorf("the second stands at %+v", got)
				}
			}
		})
	}
}

// somebodyWaits returns once a session of this database waits for a lock.
func (h *house) somebodyWaits() {
	h.t.Helper()
	pgtest.Eventually(h.t, soon, "somebody to wait for a lock", func() error {
		if one[int](h.t, h.pool, "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == 0 {
			return errors.New("nobody does")
		}
		return nil
	})
}

func TestEnqueueInASavepoint(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tx := h.begin()
	kept := one[outbox.ID](t, tx, "select orderbell.enqueue('m-1', 'e', 'A1', '')")
	for _, statement := range []string{"savepoint s", "select orderbell.enqueue('m-1', 'e', 'A2', '', dedupe_key => 'k')", "rollback to s"} {
		if _, err := tx.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	again := one[outbox.ID](t, tx, "select orderbell.enqueue('m-1', 'e', 'A3', '', dedupe_key => 'k')")
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := all[outbox.ID](t, h.pool, "select notification_id from orderbell.delivery order by 1")
	if len(got) != 2 || got[0] != kept || got[1] != again {
		t.Errorf("deliveries: %v, want %v and %v", got, kept, again)
	}
}
