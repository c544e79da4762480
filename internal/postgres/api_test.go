package postgres_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

func (h *house) merchants(options string) *postgres.Merchants {
	h.t.Helper()
	m, err := postgres.OpenMerchants(h.t.Context(), h.url+options, "api")
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(m.Close)
	return m
}

// Whoever serves the API is the worker, and needs no other right.
func TestTheWorkerRoleIsEnoughForMerchants(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.tried("A1", outbox.OutcomeTimeout)
	h.exec("select orderbell.add_token('m-1', decode(repeat('ab', 32), 'hex'), 'abcd')")
	m := h.merchants("&options=-c%20role%3Dorderbell_worker")
	hash := []byte(strings.Repeat("\xab", 32))
	if endpoint, err := m.TokenEndpoint(t.Context(), hash); err != nil || endpoint != "m-1" {
		t.Errorf("the token is of %q, %v", endpoint, err)
	}
	if endpoint, err := m.TokenEndpoint(t.Context(), hash[1:]); err != nil || endpoint != "" {
		t.Errorf("no token is of %q, %v", endpoint, err)
	}
	orders, err := m.Order(t.Context(), "m-1", "A1")
	if err != nil || len(orders) != 1 || orders[0].ID != outbox.FormatID(id) || len(orders[0].Attempts) != 1 {
		t.Errorf("the order is %+v, %v", orders, err)
	}
	page, more, err := m.Page(t.Context(), "m-1", outbox.ID{}, outbox.ID{255}, 10)
	if err != nil || more || len(page) != 1 || page[0].Body != "{}" {
		t.Errorf("the page is %+v, %v, %v", page, more, err)
	}
	if _, _, err := m.OpenOrders(t.Context()); err != nil {
		t.Error(err)
	}
}

// Each kind of transaction that writes notifications shows, and no other.
func TestOpenOrders(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	m := h.merchants("")
	open := func() []postgres.OpenOrder {
		t.Helper()
		before := one[time.Time](t, h.pool, "select clock_timestamp()")
		at, orders, err := m.OpenOrders(t.Context())
		if err != nil || at.Before(before) || at.After(one[time.Time](t, h.pool, "select clock_timestamp()")) {
			t.Fatalf("at %s, %v", at, err)
		}
		return orders
	}
	h.enqueue("A1")
	for _, statement := range []string{
		"select * from orderbell.notification_status", "select orderbell.cancel('m-1', 'A1')",
		"insert into orderbell.endpoint (id, url) values ('m-9', 'http://shop.example/')", "create table orders (n int)",
	} {
		tx := h.begin()
		if _, err := tx.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
		if got := open(); len(got) != 0 {
			t.Errorf("%s shows as %v", statement, got)
		}
		_ = tx.Rollback(t.Context())
	}
	for _, statement := range []string{
		"select orderbell.enqueue('m-1', 'e', 'A2', '')",
		"insert into orderbell.notification (endpoint, event, order_no, body) values ('m-1', 'e', 'A2', '')",
		"insert into orderbell.dedupe (endpoint, key, id) values ('m-1', 'k', gen_random_uuid())",
	} {
		tx := h.begin()
		began := one[time.Time](t, tx, "select now()")
		if _, err := tx.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
		got := open()
		if len(got) != 1 || got[0].PID == 0 || got[0].Name == "" || got[0].Began == nil || !got[0].Began.Equal(began) {
			t.Errorf("%s shows as %v, began %s", statement, got, began)
		}
		_ = tx.Rollback(t.Context())
	}
}

// An order that waits for the table has made its id already.
func TestAnOrderThatWaitsForTheTableShows(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	m := h.merchants("")
	locked := h.begin()
	if _, err := locked.Exec(t.Context(), "lock table orderbell.notification in share mode"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := h.pool.Exec(t.Context(), "select orderbell.enqueue('m-1', 'e', 'A1', '')")
		done <- err
	}()
	pgtest.Eventually(t, 20*time.Second, "the order shows", func() error {
		if _, open, err := m.OpenOrders(t.Context()); err != nil || len(open) != 1 {
			return errors.Join(errors.New("it does not"), err)
		}
		return nil
	})
	_ = locked.Rollback(t.Context())
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What merchants ask must not cost more because there is a history, others' or their own,
// whatever the planner knew when it was last told.
func TestPlansOfMerchants(t *testing.T) {
	t.Parallel()
	const (
		fill = `insert into orderbell.notification (endpoint, event, order_no, body)
			select case when n % 2 = 0 then 'm-1' else 'm-' || n % 100 end, 'e', 'o-' || n, 'x' from generate_series(1, 20000) n`
		tried = `insert into orderbell.attempt (notification_id, attempt, round, started_at, duration_us, outcome, endpoint, worker)
			select id, a, 0, now(), 1, 'timeout', endpoint, 'w-1' from orderbell.notification, generate_series(1, 2) a`
		ended = `with gone as (delete from orderbell.delivery where notification_id in (select notification_id from orderbell.delivery limit 10000) returning *)
			insert into orderbell.finished (notification_id, round, state, attempt_count) select notification_id, 0, 'acknowledged', 1 from gone`
		analyze = "analyze orderbell.delivery, orderbell.notification, orderbell.attempt, orderbell.finished"
	)
	for name, steps := range map[string][]string{
		"full":                              {fill, tried, ended, analyze},
		"never analyzed":                    {fill, tried, ended},
		"analyzed while empty, then filled": {analyze, fill, tried, ended},
		"analyzed with one endpoint, then filled": {
			"insert into orderbell.notification (endpoint, event, order_no, body) select 'm-7', 'e', 'same', 'x' from generate_series(1, 1000)",
			analyze, fill, tried, ended,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.exec("insert into orderbell.endpoint (id, url) select 'm-' || n, 'http://shop.example/' from generate_series(0, 99) n on conflict do nothing")
			for _, table := range all[string](t, h.pool, `select oid::regclass::text from pg_class
				where relnamespace = 'orderbell'::regnamespace and relkind = 'r' and relname ~ '^(notification|attempt|finished|delivery)'`) {
				h.exec("alter table " + table + " set (autovacuum_enabled = off)")
			}
			for _, step := range steps {
				h.exec(step)
			}
			h.plansOfMerchants(t)
		})
	}
}

func (h *house) plansOfMerchants(t *testing.T) {
	t.Helper()
	conn := pinned(t, h.url, "merchants")
	ids := all[string](t, h.pool, "select id::text from orderbell.notification where endpoint = 'm-3' order by id")
	middle := ids[len(ids)/2]
	for name, test := range map[string]struct {
		args    string // in the order of the statement's parameters
		indexes []string
	}{
		"api_page": {
			fmt.Sprintf("'m-3', '%s', 'ff000000-0000-0000-0000-000000000000', 20", middle),
			[]string{`Index Scan using notification_\d{8}_left_id_idx`},
		},
		"api_notifications": {
			fmt.Sprintf("'{%s}', 'm-3'", strings.Join(ids[:20], ",")),
			[]string{`notification_\d{8}_pkey`, `delivery_pkey`, `finished_\d{8}_pkey`, `attempt_\d{8}_pkey`},
		},
		"api_order": {
			"'o-18', 'm-1'",
			[]string{`notification_\d{8}_order_no_idx`, `delivery_pkey`, `finished_\d{8}_pkey`, `attempt_\d{8}_pkey`},
		},
	} {
		// As a prepared statement: on these connections they are planned once.
		if _, err := conn.Exec(t.Context(), "prepare "+name+" as "+positional(t, statements(t)[name])); err != nil {
			t.Fatal(err)
		}
		plan := strings.Join(all[string](t, conn, "explain (analyze, costs off, timing off) execute "+name+"("+test.args+")"), "\n")
		for _, index := range test.indexes {
			if !regexp.MustCompile(index).MatchString(plan) {
				t.Errorf("%s does not use %s:\n%s", name, index, plan)
			}
		}
		if found := regexp.MustCompile(`Rows Removed by.*|rows=\d{3,} .*|Seq Scan on (notification|delivery|attempt|finished).*`).FindString(plan); found != "" {
			t.Errorf("%s: %s\n%s", name, found, plan)
		}
		if name == "api_page" && regexp.MustCompile(`(?m)^ *(->)? *(Incremental )?Sort \(`).MatchString(plan) {
			t.Errorf("%s sorts:\n%s", name, plan)
		}
	}
	// The index is for pages alone: cancel() goes by the order's.
	const cancel = "explain select id from orderbell.notification n where n.order_no = 'o-18' and n.endpoint = 'm-1'"
	for _, line := range all[string](t, h.pool, cancel) {
		if strings.Contains(line, "left_id") {
			t.Errorf("cancel reads what the endpoint was sent: %s", line)
		}
	}
}
