package readme_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

// The roles that the page hands out are enough: an order service writes, a worker
// delivers, support reads, an operator adds.
func TestRights(t *testing.T) {
	t.Parallel()
	admin := pgtest.Database(t)
	db, m := connect(t, admin), newMerchant(t, "success")
	as := map[string]string{}
	for _, user := range []string{"shop_app", "shop_worker", "shop_support", "shop_ops"} {
		// Roles belong to the cluster, and stay in it for a second run of this test.
		run(t, db, "drop role if exists "+user+"; create role "+user+" login password 'secret'")
		u, err := url.Parse(admin)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(user, "secret")
		as[user] = u.String()
	}
	run(t, db, shown(t, "Rights", "sql", 1)[0])

	run(t, connect(t, as["shop_ops"]), "insert into orderbell.endpoint (id, url) values ('m-1001', '"+m.url+"')")
	work(t, as["shop_worker"])
	app := connect(t, as["shop_app"])
	run(t, app, "select orderbell.enqueue('m-1001', 'trade.success', '2026112000017', '{}')")
	run(t, app, shown(t, writing, "sql", 1)[0])
	support := connect(t, as["shop_support"])
	pgtest.Eventually(t, 20*time.Second, "both acknowledgements", func() error {
		var n int
		get(t, support, []any{&n}, "select count(*) from orderbell.notification_status where state = 'acknowledged'")
		if n != 2 {
			return fmt.Errorf("%d are acknowledged", n)
		}
		return nil
	})
	reading, cancelling, _ := strings.Cut(shown(t, "Ask what happened", "sql", 1)[0], "-- Nobody")
	run(t, support, reading)
	run(t, connect(t, as["shop_ops"]), reading)
	run(t, connect(t, as["shop_ops"]), "-- "+cancelling)
	if _, err := support.Exec(t.Context(), "select orderbell.enqueue('m-1001', 'e', '1', '{}')"); err == nil {
		t.Error("a reader may enqueue")
	}
}

// The merchant gets the very request that the page promises.
func TestFormatQuery(t *testing.T) {
	t.Parallel()
	address := pgtest.Database(t)
	db, m := connect(t, address), newMerchant(t, "success")
	run(t, db, "insert into orderbell.endpoint (id, url) values ('m-1001', '"+m.url+"')")
	work(t, address)
	const section = "What counts as `success`"
	run(t, db, strings.ReplaceAll(shown(t, section, "sql", 1)[0], "https://shop.example", m.url))
	pgtest.Eventually(t, 20*time.Second, "the request", func() error {
		if len(m.requests()) == 0 {
			return fmt.Errorf("none came")
		}
		return nil
	})
	want := strings.TrimPrefix(strings.TrimSpace(shown(t, section, "text", 1)[0]), "https://shop.example")
	if got := m.requests()[0]; got.method != "POST" || got.target != want || got.body != "" {
		t.Errorf("the merchant got %+v, want a POST without a body to %s", got, want)
	}
}

// A restored backup is told that it is a copy, and then nothing is sent from it until
// somebody adopts it.
func TestRestoredBackup(t *testing.T) {
	t.Parallel()
	address := pgtest.Database(t)
	db, m := connect(t, address), newMerchant(t, "success")
	run(t, db, "insert into orderbell.endpoint (id, url) values ('m-1001', '"+m.url+"')")
	run(t, db, "select orderbell.enqueue('m-1001', 'e', '1', '{}')")
	backup := shown(t, "Running it", "sql", 2)
	operator := connect(t, address)
	run(t, operator, "set role orderbell_operator")
	run(t, operator, backup[0])
	work(t, address)
	database, err := postgres.Open(t.Context(), address, "adopt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(database.Close)
	var foreign *postgres.ForeignError
	if err := database.Home(t.Context()); !errors.As(err, &foreign) {
		t.Errorf("at home: %v", err)
	}
	var endpoint string
	var rows int
	get(t, db, []any{&endpoint, &rows, nil, nil}, backup[1])
	if endpoint != "m-1001" || rows != 1 || len(m.requests()) != 0 {
		t.Errorf("%d rows for %q, %d requests", rows, endpoint, len(m.requests()))
	}
	if _, _, err := database.Adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, 20*time.Second, "the request", func() error {
		if len(m.requests()) == 0 {
			return errors.New("none came")
		}
		return nil
	})
}

// What the page shows of pauses and limits is an operator's to do, and does what it says.
func TestWhenAReceiverIsIll(t *testing.T) {
	t.Parallel()
	db := connect(t, pgtest.Database(t))
	run(t, db, "insert into orderbell.endpoint (id, url) values ('m-1001', 'https://shop.example')")
	asking, acting, _ := strings.Cut(shown(t, "When a receiver is ill", "sql", 1)[0], ";")
	run(t, db, "set role orderbell_reader; "+asking+"; set role orderbell_operator; "+asking+"; reset role")
	steps := strings.Split(strings.TrimSuffix(strings.TrimSpace(acting), ";"), ";")
	states := []string{"t they are moving", "f", "f 5 20"}
	if len(steps) != len(states) {
		t.Fatalf("the page shows %q", steps)
	}
	for i, step := range steps {
		run(t, db, "set role orderbell_operator; "+step+"; reset role")
		var got string
		get(t, db, []any{&got}, "select concat_ws(' ', paused_at is not null, pause_reason, max_in_flight, rate_per_second) from orderbell.endpoint")
		if got != states[i] {
			t.Errorf("after %s the endpoint is %q, want %q", step, got, states[i])
		}
	}
}
