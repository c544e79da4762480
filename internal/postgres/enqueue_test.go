package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbell/orderbell/internal/outbox"
)

// What a producer must hear at once, with a hint that says what there is. The
// transaction is aborted, as by any other error of SQL.
func TestEnqueueRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, test := range []struct {
		call, code, message, hint string
	}{
		{"enqueue('nobody', 'e', 'A1', '')", "23503", `unknown endpoint "nobody"`, `orderbell.endpoint has 1, among them "m-1".`},
		{"enqueue('m-1', 'e', 'A1', '', policy => 'slow')", "23503", `unknown policy "slow"`, "orderbell.policy has alipay, question, quick, standard, webhook, wechatpay."},
		{"enqueue('nobody', 'e', 'A1', '', policy => 'slow', dedupe_key => 'k')", "23503", `unknown endpoint "nobody"`, ""},
		{"enqueue('m-1', 'e', 'A1', '', on_acknowledged => 'ship')", "23503", `unknown hook "ship"`, "orderbell.hook is empty; add one with: orderbell hook add NAME SCHEMA.FUNCTION"},
		{"enqueue('m-1', 'e', 'A1', '', on_exhausted => 'alarm')", "23503", `unknown hook "alarm"`, ""},
		{"enqueue(null, 'e', 'A1', '')", "23502", "endpoint", ""},
		{"enqueue('m-1', null, 'A1', '')", "23502", "event", ""},
		{"enqueue('m-1', 'e', null, '')", "23502", "order_no", ""},
		{"enqueue('m-1', 'e', 'A1', null)", "23502", "body", ""},
		{"enqueue('m-1', 'e', 'A1', '', headers => null)", "23502", "headers", ""},
		{"enqueue('m-1', 'e', 'A1', '', hold => null)", "23502", "hold", ""},
		{"enqueue('m-1', 'e', 'A1', '', supersede => null)", "22004", "supersede", ""},
		{"enqueue('m-1', 'e', 'A1', '', deliver_after => null)", "22004", "deliver_after", ""},
		{"enqueue(null, 'e', 'A1', '', dedupe_key => 'k')", "23502", "endpoint", ""},
		{"release(null, 'A1')", "22004", "endpoint", ""},
		{"release('m-1', null)", "22004", "order_no", ""},
		{"unblock(null)", "22004", "endpoint", ""},
		{"replay(orderbell.uuid7(), 'asked')", "0A000", "replay", ""},
		{"replay_matching('m-1', 'exhausted', now())", "0A000", "replay_matching", ""},
		{"pause('nobody')", "23503", `unknown endpoint "nobody"`, `orderbell.endpoint has 1, among them "m-1".`},
		{"resume('nobody')", "23503", `unknown endpoint "nobody"`, `orderbell.endpoint has 1, among them "m-1".`},
		{"pause(null)", "22004", "endpoint", ""},
		{"resume(null)", "22004", "endpoint", ""},
		{"cancel(null, 'A1')", "22004", "endpoint", ""},
		{"cancel('m-1', null)", "22004", "order_no", ""},
	} {
		_, err := h.pool.Exec(t.Context(), "select orderbell."+test.call)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) {
			t.Errorf("%s: it said %v", test.call, err)
			continue
		}
		if refused.Code != test.code || !strings.Contains(refused.Message, test.message) || test.hint != "" && refused.Hint != test.hint {
			t.Errorf("%s: it said %s %q with the hint %q", test.call, refused.Code, refused.Message, refused.Hint)
		}
	}
	if n := one[int](t, h.pool, "select (select count(*) from orderbell.notification) + (select count(*) from orderbell.dedupe)"); n != 0 {
		t.Errorf("%d rows are left of what was refused", n)
	}
	h.exec("delete from orderbell.endpoint")
	for _, call := range []string{"enqueue('m-1', 'e', 'A1', '')", "pause('m-1')"} {
		_, err := h.pool.Exec(t.Context(), "select orderbell."+call)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || !strings.Contains(refused.Hint, "orderbell endpoint add") {
			t.Errorf("%s without any endpoint: %v", call, err)
		}
	}
}

// A plain INSERT is refused alike; one bad row refuses the whole statement.
func TestInsertRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for values, code := range map[string]string{
		"(endpoint, event, order_no, body) values ('m-1', 'e', 'A1', ''), ('nobody', 'e', 'A2', '')":              "23503",
		"(endpoint, event, order_no, body, policy) values ('m-1', 'e', 'A1', '', 'slow')":                         "23503",
		"(endpoint, event, order_no, body, on_acknowledged) values ('m-1', 'e', 'A1', '', 's')":                   "23503",
		"(endpoint, event, order_no, body, on_exhausted) values ('m-1', 'e', 'A1', '', 's')":                      "23503",
		"(endpoint, event, order_no) values ('m-1', 'e', 'A1')":                                                   "23502",
		"(endpoint, event, order_no, body, deliver_at) values ('m-1', 'e', 'A1', '', 'soon')":                     "22007",
		"(endpoint, event, order_no, body, headers) values ('m-1', 'e', 'A1', '', '{')":                           "22P02",
		"(id, endpoint, event, order_no, body) values (null, 'm-1', 'e', 'A1', '')":                               "23502",
		"(endpoint, event, order_no, body, on_acknowledged, hold) values ('nobody', 'e', 'A1', '', 'ship', null)": "23502",
	} {
		_, err := h.pool.Exec(t.Context(), "insert into orderbell.notification "+values)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != code {
			t.Errorf("%s: it said %v, want %s", values, err, code)
		}
	}
	if n := one[int](t, h.pool, "select (select count(*) from orderbell.notification) + (select count(*) from orderbell.delivery)"); n != 0 {
		t.Errorf("%d rows are left of what was refused", n)
	}
}

func TestInsertInBulk(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const rows = 10_000
	h.exec("insert into orderbell.notification (endpoint, event, order_no, body) select 'm-1', 'e', n::text, '{}' from generate_series(1, $1::int) n", rows)
	if n := one[int](t, h.pool, "select count(*) from orderbell.delivery d join orderbell.notification n on n.id = d.notification_id where d.state = 'pending'"); n != rows {
		t.Errorf("%d of %d have a delivery", n, rows)
	}
	copied, err := h.pool.CopyFrom(t.Context(), pgx.Identifier{"orderbell", "notification"}, []string{"endpoint", "event", "order_no", "body"},
		pgx.CopyFromSlice(100, func(i int) ([]any, error) { return []any{"m-1", "e", fmt.Sprint("copy", i), ""}, nil }))
	if err != nil || copied != 100 {
		t.Fatalf("copied %d, %v", copied, err)
	}
	if n := one[int](t, h.pool, "select count(*) from orderbell.delivery"); n != rows+100 {
		t.Errorf("after COPY %d have a delivery", n)
	}
}

func TestOrderNumbersOfAnyLength(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	long := strings.Repeat("订单", 10<<10/6)
	id := h.enqueue(long)
	if got := h.standing(id); got.State != "pending" {
		t.Errorf("it stands at %+v", got)
	}
	if n := h.cancel(long); n != 1 {
		t.Errorf("cancel says %d", n)
	}
}

// When the first attempt is due.
func TestWhenItIsDue(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, test := range []struct {
		statement string
		want      time.Duration // from now
	}{
		{"select orderbell.enqueue('m-1', 'e', 'A1', '')", 0},
		{"select orderbell.enqueue('m-1', 'e', 'A1', '', deliver_after => '0')", 0},
		{"select orderbell.enqueue('m-1', 'e', 'A1', '', deliver_after => '-1 day')", 0},
		{"select orderbell.enqueue('m-1', 'e', 'A1', '', deliver_after => '90 s')", 90 * time.Second},
		{"select orderbell.enqueue('m-1', 'e', 'A1', '', policy => 'question')", 30 * time.Second},
		{"select orderbell.enqueue('m-1', 'e', 'A1', '', policy => 'question', deliver_after => '5 s')", 5 * time.Second},
		{"select orderbell.enqueue('m-1', 'e', 'A1', '', policy => 'question', deliver_after => '1 h')", time.Hour},
		{"select orderbell.enqueue('m-1', 'e', 'A1', '', deliver_after => '9 years 364 days')", 9*365*24*time.Hour + 366*24*time.Hour},
		{"insert into orderbell.notification (endpoint, event, order_no, body) values ('m-1', 'e', 'A1', '') returning id", 0},
		{"insert into orderbell.notification (endpoint, event, order_no, body, policy) values ('m-1', 'e', 'A1', '', 'question') returning id", 30 * time.Second},
		{"insert into orderbell.notification (endpoint, event, order_no, body, deliver_at) values ('m-1', 'e', 'A1', '', now() + interval '2 h') returning id", 2 * time.Hour},
		{"insert into orderbell.notification (endpoint, event, order_no, body, deliver_at) values ('m-1', 'e', 'A1', '', now() - interval '2 h') returning id", 0},
		{"insert into orderbell.notification (endpoint, event, order_no, body, deliver_at) values ('m-1', 'e', 'A1', '', '-infinity') returning id", 0},
		{"insert into orderbell.notification (endpoint, event, order_no, body, deliver_at, policy) values ('m-1', 'e', 'A1', '', now(), 'question') returning id", 0},
	} {
		id := one[outbox.ID](t, h.pool, test.statement)
		got := one[time.Duration](t, h.pool, "select make_interval(secs => extract(epoch from next_attempt_at - clock_timestamp())) from orderbell.delivery where notification_id = $1", id)
		slack := 10 * time.Second
		if test.want > 24*time.Hour {
			slack = 5 * 24 * time.Hour // leap days
		}
		if got > test.want+slack || got < test.want-slack {
			t.Errorf("%s: due in %s, want %s", test.statement, got, test.want)
		}
	}
}

func TestIDsAreTimeOrdered(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	before := one[time.Time](t, h.pool, "select date_trunc('milliseconds', clock_timestamp())")
	id := h.enqueue("A1")
	if id[6]>>4 != 7 || id[8]>>6 != 2 {
		t.Errorf("%s is no UUID of version 7", outbox.FormatID(id))
	}
	ms := int64(0)
	for _, b := range id[:6] {
		ms = ms<<8 | int64(b)
	}
	if at := time.UnixMilli(ms); at.Before(before) || at.After(before.Add(10*time.Second)) {
		t.Errorf("its time is %s, made at %s", at, before)
	}
	if !one[bool](t, h.pool, "select $1::uuid >= orderbell.uuid7_floor($2) and $1::uuid < orderbell.uuid7_floor($2 + interval '1 min')", id, before) {
		t.Error("uuid7_floor is not its floor")
	}
	if n := one[int](t, h.pool, "select count(*) from orderbell.notification_default"); n != 0 {
		t.Errorf("%d rows are in the default partition", n)
	}
}
