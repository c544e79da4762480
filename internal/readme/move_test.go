package readme_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbell/orderbell/internal/pgtest"
)

const moving = "Coming from a polled table"

// polled is a database with the page's old table, and the page's statements.
type polled struct {
	t          testing.TB
	url        string
	db         *pgxpool.Pool
	move, look string
}

func newPolled(t testing.TB) *polled {
	t.Helper()
	sql := shown(t, moving, "sql", 3)
	p := &polled{t: t, url: pgtest.Database(t), move: sql[1], look: sql[2]}
	p.db = connect(t, p.url)
	run(t, p.db, sql[0])
	return p
}

// open adds an open row, its next time so many seconds from now.
func (p *polled) open(merchant, orderNo, url string, times, seconds int) {
	p.t.Helper()
	run(p.t, p.db, fmt.Sprintf(`
		insert into notify_queue (merchant_id, order_no, notify_url, params, times, next_time)
		values ('%[1]s', '%[2]s', '%[3]s', 'order_no=%[2]s&trade_status=TRADE_SUCCESS', %[4]d, now() + interval '%[5]d seconds')`,
		merchant, orderNo, url, times, seconds))
}

// standing is what the page's look at the moved rows shows.
type standing struct {
	ID            int64
	Times, Rung   int
	NextTime      time.Time
	NextAttemptAt *time.Time
	State         string
	Explanation   string
}

func (p *polled) standings() []standing {
	p.t.Helper()
	rows, err := p.db.Query(p.t.Context(), p.look)
	if err != nil {
		p.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[standing])
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

func TestMoveKeepsTimesAndRungs(t *testing.T) {
	t.Parallel()
	p := newPolled(t)
	for times := range 12 {
		p.open("m-1", fmt.Sprintf("order-%d", times), "https://one.example/n", times, 60*(times+1))
	}
	p.open("m-2", "overdue", "https://two.example/n", 4, -3600)
	run(t, p.db, "insert into notify_queue (merchant_id, order_no, notify_url, params, status) values ('m-9', 'old', 'https://old.example', 'a=1', 'done')")
	run(t, p.db, p.move)

	moved := p.standings()
	if len(moved) != 13 {
		t.Fatalf("%d rows were moved, want 13", len(moved))
	}
	for _, s := range moved {
		if s.State != "pending" || s.Rung != min(s.Times, 9) {
			t.Errorf("row %d with times %d: %s on rung %d", s.ID, s.Times, s.State, s.Rung)
		}
		due := s.NextTime
		if s.ID == 13 {
			get(t, p.db, []any{&due}, "select created_at from orderbell.notification where order_no = 'overdue'")
		}
		if late := s.NextAttemptAt.Sub(due); late < 0 || late > time.Second || (s.ID != 13 && late != 0) {
			t.Errorf("row %d is due at %s, want %s", s.ID, s.NextAttemptAt, due)
		}
	}
	var attempts, endpoints int
	get(t, p.db, []any{&attempts, &endpoints},
		"select max(attempt_count), (select count(*) from orderbell.endpoint) from orderbell.delivery")
	if attempts != 0 || endpoints != 2 {
		t.Errorf("attempt_count %d and %d endpoints, want 0 and 2", attempts, endpoints)
	}
}

// Running it again moves what came since, and leaves what was moved alone, also
// where the worker has gone on with it.
func TestMoveAgain(t *testing.T) {
	t.Parallel()
	p := newPolled(t)
	p.open("m-1", "first", "https://one.example/n", 3, 600)
	p.open("m-1", "second", "https://one.example/n", 5, 600)
	run(t, p.db, p.move)
	run(t, p.db, `update orderbell.delivery d set rung = 6, attempt_count = 1
		from orderbell.notification n where n.id = d.notification_id and n.order_no = 'second'`)
	p.open("m-1", "third", "https://one.example/n", 1, 600)
	run(t, p.db, p.move)
	run(t, p.db, p.move)

	got := map[int64]int{}
	for _, s := range p.standings() {
		got[s.ID] = s.Rung
	}
	if diff := cmp.Diff(map[int64]int{1: 3, 2: 6, 3: 1}, got); diff != "" {
		t.Errorf("rungs (-want +got):\n%s", diff)
	}
	var rows int
	get(t, p.db, []any{&rows}, "select count(*) from orderbell.notification")
	if rows != 3 {
		t.Errorf("%d notifications, want 3", rows)
	}
}

// A row that cannot be sent is kept, as rejected; a merchant with no URL at all
// stops the move, and nothing has moved then.
func TestMoveOfBadRows(t *testing.T) {
	t.Parallel()
	p := newPolled(t)
	p.open("m-1", "good", "https://one.example/n", 1, 600)
	p.open("m-1", "bad", "one.example/n", 2, 600)
	run(t, p.db, p.move)
	all := p.standings()
	if len(all) != 2 || all[0].State != "pending" || all[1].State != "rejected" {
		t.Errorf("the rows stand at %+v", all)
	}
	if !strings.Contains(all[1].Explanation, "url does not begin with") {
		t.Errorf("the bad row is explained with %q", all[1].Explanation)
	}

	p.open("m-7", "lost", "mailto:shop", 0, 0)
	p.open("m-1", "another", "https://one.example/n", 1, 600)
	conn, err := p.db.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	_, err = conn.Exec(t.Context(), p.move)
	if err == nil || !strings.Contains(err.Error(), `unknown endpoint "m-7"`) {
		t.Errorf("the move ended with %v, want an error that names m-7", err)
	}
	if _, err := conn.Exec(t.Context(), "rollback"); err != nil {
		t.Fatal(err)
	}
	var open int
	get(t, p.db, []any{&open}, "select count(*) from notify_queue where status = 'open'")
	if open != 2 || len(p.standings()) != 2 {
		t.Errorf("%d rows are open, want 2: a failed move moves nothing", open)
	}
}

// While the order services still write to the old table, the move waits for them
// no longer than it says.
func TestMoveWaitsForWriters(t *testing.T) {
	t.Parallel()
	p := newPolled(t)
	tx, err := p.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), "insert into notify_queue (merchant_id, order_no, notify_url, params) values ('m', '1', 'https://m.example', '')"); err != nil {
		t.Fatal(err)
	}
	conn, err := p.db.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	_, err = conn.Exec(t.Context(), strings.Replace(p.move, "'5s'", "'50ms'", 1))
	if err == nil || !strings.Contains(err.Error(), "lock timeout") {
		t.Errorf("the move ended with %v, want a lock timeout", err)
	}
	if _, err := conn.Exec(t.Context(), "rollback"); err != nil {
		t.Fatal(err)
	}
}

// What a moved row does next is right: after a failure it waits the rung after
// those that were spent, and it ends where the ladder ends.
func TestMovedRowsGoOn(t *testing.T) {
	t.Parallel()
	p := newPolled(t)
	refuses, accepts := newMerchant(t, "fail"), newMerchant(t, "success")
	p.open("m-1", "fresh", refuses.url+"/n", 0, -5)
	p.open("m-1", "third", refuses.url+"/n", 3, -5)
	p.open("m-1", "eighth", refuses.url+"/n", 8, -5)
	p.open("m-1", "last", refuses.url+"/n", 9, -5)
	p.open("m-2", "told", accepts.url+"/n", 7, -5)
	work(t, p.url)
	run(t, p.db, p.move)

	type way struct {
		Order, State   string
		Rung, Attempts int
		Wait           *time.Duration
	}
	quarter, half, long := 15*time.Second, 30*time.Minute, 15*time.Hour
	want := []way{
		{"eighth", "pending", 9, 1, &long},
		{"fresh", "pending", 1, 1, &quarter},
		{"last", "exhausted", 9, 1, nil},
		{"third", "pending", 4, 1, &half},
		{"told", "acknowledged", 7, 1, nil},
	}
	pgtest.Eventually(t, 20*time.Second, "every row's attempt", func() error {
		rows, err := p.db.Query(t.Context(), `
			select s.order_no as order, s.state, s.rung, s.attempt_count as attempts,
			       date_trunc('second', s.next_attempt_at - (a.started_at + a.duration_ms * interval '1 ms') + interval '0.5 s') as wait
			from orderbell.notification_status s
			left join orderbell.delivery_history a on a.notification_id = s.id
			order by s.order_no`)
		if err != nil {
			return err
		}
		got, err := pgx.CollectRows(rows, pgx.RowToStructByName[way])
		if err != nil {
			return err
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("rows (-want +got):\n%s", diff)
		}
		return nil
	})
	if got := accepts.requests(); len(got) != 1 || got[0] != (seen{
		method: "POST", target: "/n", contentType: "application/x-www-form-urlencoded",
		body: "order_no=told&trade_status=TRADE_SUCCESS", attempt: "1",
	}) {
		t.Errorf("the merchant got %+v", got)
	}
}
