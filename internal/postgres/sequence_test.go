package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

func (h *house) copy(key string, n int) {
	h.t.Helper()
	conn, err := h.pool.Acquire(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Release()
	rows := make([][]any, n)
	for i := range rows {
		rows[i] = []any{"m-1", "e", fmt.Sprint(i), "{}", key}
	}
	columns := []string{"endpoint", "event", "order_no", "body", "sequence_key"}
	if _, err := conn.CopyFrom(h.t.Context(), pgx.Identifier{"orderbell", "notification"}, columns, pgx.CopyFromRows(rows)); err != nil {
		h.t.Fatal(err)
	}
}

// However they are written, rows of one key are numbered as they were written, and
// delivered one after the other in this order; those of another key do not wait.
func TestSequencesInAllWays(t *testing.T) {
	t.Parallel()
	for name, write := range inAllWays() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			write(h, "k", 5)
			if diff := cmp.Diff([]string{"0", "1", "2", "3", "4"}, h.numbered("k")); diff != "" {
				t.Errorf("numbered (-want +got):\n%s", diff)
			}
			h.next("other", "x")
			want := []string{"0", "x"}
			for i := range 5 {
				claims := h.onlyClaims(h.db, want...)
				h.onlyClaims(h.db)
				for _, claim := range claims {
					h.settle(result(claim, outbox.OutcomeAcknowledged))
				}
				want = []string{fmt.Sprint(i + 1)}
			}
			h.onlyClaims(h.db)
		})
	}
}

// Many rows in one statement, as a bulk insert writes them, are numbered as they come: ids
// that were made in the same millisecond are in no order.
func TestManyRowsAreNumberedAsTheyCome(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`insert into orderbell.notification (endpoint, event, order_no, body, sequence_key)
		select 'm-1', 'e', to_char(g, 'FM0000'), '{}', 'k' || g % 2 from generate_series(1, 3000) g`)
	for _, key := range []string{"k0", "k1"} {
		got := all[bool](t, h.pool, `
			select n.order_no > lag(n.order_no, 1, '') over (order by d.seq)
			from orderbell.delivery d join orderbell.notification n on n.id = d.notification_id
			where d.sequence_key = $1`, key)
		for i, rising := range got {
			if !rising || len(got) != 1500 {
				t.Fatalf("%s: row %d of %d is not in its place", key, i, len(got))
			}
		}
	}
}

// Of transactions at the same time the one that wrote first is first, whichever began
// first; the other waits for its commit, and a third with another key does not.
func TestNumbersAreInTheOrderOfCommits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	early, late := h.begin(), h.begin()
	one[int](t, early, "select 1") // it has begun
	nextIn(t, late, "k", "late")
	written := make(chan error, 1)
	go func() {
		_, err := early.Exec(t.Context(), "select orderbell.enqueue('m-1', 'e', 'early', '{}', sequence_key => 'k')")
		if err == nil {
			err = early.Commit(t.Context())
		}
		written <- err
	}()
	h.somebodyWaits()
	h.next("other", "x")
	select {
	case err := <-written:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"late", "early"}, h.numbered("k")); diff != "" {
		t.Errorf("numbered (-want +got):\n%s", diff)
	}
}

// A statement with more keys than locks may be taken for takes the one that stands for
// all: it waits for open orders with a key, and they for it.
func TestManyKeysInOneStatement(t *testing.T) {
	t.Parallel()
	const many = `insert into orderbell.notification (endpoint, event, order_no, body, sequence_key)
		select 'm-1', 'e', 'bulk', '{}', 'k' || g % 300 from generate_series(0, 599) g`
	h := newHouse(t)
	order := h.begin()
	nextIn(t, order, "k7", "order")
	bulk := make(chan error, 1)
	go func() {
		_, err := h.pool.Exec(t.Context(), many)
		bulk <- err
	}()
	h.somebodyWaits()
	if err := order.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-bulk; err != nil {
		t.Fatal(err)
	}
	tx := h.begin()
	if _, err := tx.Exec(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	last := make(chan error, 1)
	go func() {
		_, err := h.pool.Exec(t.Context(), "select orderbell.enqueue('m-1', 'e', 'last', '{}', sequence_key => 'k7')")
		last <- err
	}()
	h.somebodyWaits()
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-last; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"order", "bulk", "bulk", "bulk", "bulk", "last"}, h.numbered("k7")); diff != "" {
		t.Errorf("numbered (-want +got):\n%s", diff)
	}
	if locks := one[int](t, h.pool, "select count(*) from orderbell.delivery"); locks != 1202 {
		t.Errorf("%d rows", locks)
	}
}

// Keys may be of any length that fits an index; a longer one ends the row, never the order.
func TestSequenceKeysOfAnyLength(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, key := range []string{"", " ", strings.Repeat("键", 341), strings.Repeat("k", 1024)} {
		first, second := h.next(key, "1"), h.next(key, "2")
		claims := h.onlyClaims(h.db, "1")
		if len(claims) == 1 && claims[0].ID != first {
			t.Errorf("claimed %s", outbox.FormatID(claims[0].ID))
		}
		h.settle(result(claims[0], outbox.OutcomeAcknowledged))
		claims = h.onlyClaims(h.db, "2")
		if len(claims) == 1 && claims[0].ID != second {
			t.Errorf("claimed %s", outbox.FormatID(claims[0].ID))
		}
	}
	id := h.next(strings.Repeat("k", 1025), "3")
	want := standing{State: "rejected", Reason: "sequence_key is longer than 1024 bytes"}
	if diff := cmp.Diff(want, h.standing(id)); diff != "" {
		t.Errorf("too long (-want +got):\n%s", diff)
	}
}

// Endpoints and keys are told apart, also where one ends with what the other begins with.
func TestSequencesAreOfOneEndpoint(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("insert into orderbell.endpoint (id, url) values ('m-', 'http://shop.example'), ('m-11', 'http://shop.example')")
	for _, of := range [][2]string{{"m-", "11k"}, {"m-1", "1k"}, {"m-11", "k"}} {
		h.exec("select orderbell.enqueue($1, 'e', $1, '{}', sequence_key => $2)", of[0], of[1])
	}
	h.onlyClaims(h.db, "m-1")
	claims, err := h.db.Claim(t.Context(), []outbox.Lane{{Endpoint: "m-", Take: 9, Sendable: true}, {Endpoint: "m-11", Take: 9, Sendable: true}}, nil, nil)
	if err != nil || len(claims) != 2 {
		t.Errorf("claimed %d, %v", len(claims), err)
	}
}

// A row that asks for a later time keeps it when its turn comes.
func TestItsTurnComesNoSoonerThanItsTime(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.next("k", "1")
	later := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-1', 'e', '2', '{}', sequence_key => 'k', deliver_after => '10 min')")
	h.settle(result(h.onlyClaims(h.db, "1")[0], outbox.OutcomeAcknowledged))
	if in := h.dueIn(later); in < 9*time.Minute || in > 10*time.Minute {
		t.Errorf("it is due in %v", in)
	}
}

// A held row keeps its place in its sequence: what comes after it waits for its release.
func TestHeldHead(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	head := h.hold("head", ", sequence_key => 'k'")
	second, third := h.next("k", "second"), h.hold("third", ", sequence_key => 'k'")
	h.next("k", "fourth")
	h.onlyClaims(h.db)
	h.explains(second, "waits its turn: "+outbox.FormatID(head)+` comes before it in sequence "k"`)
	h.release("head")
	h.settle(result(h.onlyClaims(h.db, "head")[0], outbox.OutcomeAcknowledged))
	h.settle(result(h.onlyClaims(h.db, "second")[0], outbox.OutcomeAcknowledged))
	h.onlyClaims(h.db)
	if got := h.standing(third); got.State != "held" {
		t.Errorf("the third one stands at %+v", got)
	}
	h.release("third")
	h.settle(result(h.onlyClaims(h.db, "third")[0], outbox.OutcomeAcknowledged))
	h.onlyClaims(h.db, "fourth")
}
