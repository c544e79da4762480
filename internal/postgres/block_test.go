package postgres_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

// blocks makes a house whose m-1 blocks, with a sequence whose head is exhausted, and two
// rows behind it.
func blocks(t *testing.T) (h *house, head, second outbox.ID) {
	t.Helper()
	h = newHouse(t)
	h.exec("update orderbell.endpoint set on_head_exhausted = 'block'")
	head, second = h.next("k", "head"), h.next("k", "second")
	h.next("k", "third")
	h.exhaust("head")
	return h, head, second
}

// exhaust claims the one order that can be, and ends it.
func (h *house) exhaust(want string) {
	h.t.Helper()
	claims := h.onlyClaims(h.db, want)
	if len(claims) != 1 {
		h.t.FailNow()
	}
	claims[0].Rung = 2
	h.settle(result(claims[0], outbox.OutcomeTimeout))
}

func (h *house) explanation(id outbox.ID) string {
	h.t.Helper()
	return one[string](h.t, h.pool, "select explanation from orderbell.notification_status where id = $1", id)
}

func (h *house) explains(id outbox.ID, want string) {
	h.t.Helper()
	if got := h.explanation(id); !strings.Contains(got, want) {
		h.t.Errorf("it says %q, wanted %q in it", got, want)
	}
}

// A sequence whose head was exhausted stands still, and says why; another does not.
func TestBlockedSequenceStandsStill(t *testing.T) {
	t.Parallel()
	h, head, second := blocks(t)
	h.next("k", "later")
	h.next("other", "x")
	h.onlyClaims(h.db, "x")
	h.explains(second, "its sequence stands still: "+outbox.FormatID(head)+" did not get through, and the endpoint says on_head_exhausted block; orderbell.unblock lets it go on")
	if queued := one[int](t, h.pool, "select queued from orderbell.backlog"); queued != 3 {
		t.Errorf("%d are queued", queued)
	}
	h.exec("update orderbell.delivery set next_attempt_at = now() - interval '5 s' where state = 'pending'")
	if n := h.queue(); n != 3 {
		t.Errorf("queue moved %d", n)
	}
}

// Rejected blocks as exhausted does; what ends otherwise does not.
func TestWhatBlocks(t *testing.T) {
	t.Parallel()
	blocking := map[string]bool{
		"exhausted": true, "rejected": true, "unknown at the end of its ladder": true,
		"owing a hook that works at last": true, "owing a hook, and cancelled": true,
	}
	for name, end := range endings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.exec("update orderbell.endpoint set on_head_exhausted = 'block'")
			head := h.next("k", "head")
			h.next("k", "second")
			end(h, head)
			want := append([]string{}, newer[name]...)
			if !blocking[name] {
				want = append(want, "second")
			}
			h.onlyClaims(h.db, want...)
		})
	}
}

// What lets a sequence go on.
func TestUnblock(t *testing.T) {
	t.Parallel()
	for name, unblock := range map[string]string{
		"its key":               "select orderbell.unblock('m-1', 'k')",
		"all of an endpoint":    "select orderbell.unblock('m-1')",
		"the endpoint skips":    "update orderbell.endpoint set on_head_exhausted = 'skip'",
		"the endpoint is new":   "with gone as (delete from orderbell.endpoint returning id) select count(*) from gone",
		"the endpoint is moved": "update orderbell.endpoint set on_head_exhausted = 'skip', url = 'http://elsewhere.example'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _, second := blocks(t)
			h.park(second)
			e := h.bell(t)
			e.asleep(t)
			e.rings(t, func() { h.exec(unblock) })
			if name == "the endpoint is new" {
				h.exec("insert into orderbell.endpoint (id, url) values ('m-1', 'http://shop.example')")
				h.move(second, "next_attempt_at = now()")
			}
			h.promoted(second)
			h.onlyClaims(h.db, "second")
			h.onlyClaims(h.db)
		})
	}
}

func TestUnblockOfNothing(t *testing.T) {
	t.Parallel()
	h, _, _ := blocks(t)
	h.exec("insert into orderbell.endpoint (id, url, on_head_exhausted) values ('m-2', 'http://shop.example', 'block')")
	for call, want := range map[string]int{
		"unblock('m-1', 'another')": 0, "unblock('m-2')": 0, "unblock('m-2', 'k')": 0, "unblock('nobody')": 0,
	} {
		if n := one[int](t, h.pool, "select orderbell."+call); n != want {
			t.Errorf("%s says %d", call, n)
		}
	}
	h.exec("update orderbell.endpoint set on_head_exhausted = 'skip' where id = 'm-2'")
	h.exec("update orderbell.endpoint set max_in_flight = 3 where id = 'm-1'")
	h.onlyClaims(h.db)
	if n := one[int](t, h.pool, "select orderbell.unblock('m-1')"); n != 1 {
		t.Errorf("unblock says %d", n)
	}
	if _, err := h.pool.Exec(t.Context(), "select orderbell.unblock(null)"); err == nil {
		t.Error("it takes a null")
	}
}

// A sequence that goes on can stand still again, and goes on once more.
func TestBlockedTwice(t *testing.T) {
	t.Parallel()
	h, _, _ := blocks(t)
	h.exec("select orderbell.unblock('m-1')")
	h.exhaust("second")
	h.onlyClaims(h.db)
	if got := all[string](t, h.pool, "select n.order_no from orderbell.blocked b join orderbell.notification n on n.id = b.notification_id"); !cmp.Equal(got, []string{"second"}) {
		t.Errorf("blocked by %v", got)
	}
	h.exec("select orderbell.unblock('m-1')")
	h.onlyClaims(h.db, "third")
}

// An endpoint that is told to skip while a head of it ends, in a transaction that is
// still open, skips.
func TestSkipWhileAHeadEnds(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"skip":    "update orderbell.endpoint set on_head_exhausted = 'skip'",
		"deleted": "delete from orderbell.endpoint",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.exec("update orderbell.endpoint set on_head_exhausted = 'block'")
			h.next("k", "head")
			second := h.next("k", "second")
			tx := h.begin()
			if _, err := tx.Exec(t.Context(), change); err != nil {
				t.Fatal(err)
			}
			h.exhaust("head")
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.onlyClaims(h.db, "second")
			if got := h.explanation(second); strings.Contains(got, "stands still") {
				t.Errorf("it says %s", got)
			}
		})
	}
}
