package readme_test

import (
	"os"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// business makes the sample business that the page speaks of.
func business(t *testing.T) (url string) {
	t.Helper()
	url = pgtest.Database(t)
	sample, err := os.ReadFile("../demo/shop.sql")
	if err != nil {
		t.Fatal(err)
	}
	db := connect(t, url)
	run(t, db, string(sample))
	run(t, db, "insert into orderbell.endpoint (id, url) values ('m-1001', 'https://shop.example/notify')")
	return url
}

// roles runs each statement of a block as the role that may.
func roles(t *testing.T, url, block string, operator func(statement string) bool) {
	t.Helper()
	db := connect(t, url)
	for _, statement := range strings.SplitAfter(block, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		role := "orderbell_producer"
		switch {
		case operator(statement):
			role = "orderbell_operator"
		case strings.Contains(statement, "notification_status"):
			role = "orderbell_reader"
		}
		run(t, db, "begin; set local role "+role+"; "+statement+"; commit")
	}
}

// The examples of order push, of questions and of actions run, each as the role that the
// page says, and leave what they promise.
func TestMoreThanNotifications(t *testing.T) {
	t.Parallel()
	url := business(t)
	db := connect(t, url)
	run(t, db, `insert into orderbell.endpoint (id, url) values ('alipay', 'https://openapi.alipay.com/gateway.do');
		insert into orderbell.hook values ('payment-final', 'shop.payment_final'::regproc::regprocedure), ('payment-unknown', 'shop.payment_unknown'::regproc::regprocedure)`)
	writes := func(statement string) bool { return strings.Contains(statement, "insert into orderbell.") }

	roles(t, url, shown(t, "Order push: when the order is complete, and in order", "sql", 1)[0], writes)
	var states string
	get(t, db, []any{&states}, "select string_agg(event || ' ' || state || ' ' || (released_at is not null), ', ' order by event) from orderbell.notification_status")
	if want := "order.created pending true, order.paid pending false, order.state pending false"; states != want {
		t.Errorf("after order push there are %s, wanted %s", states, want)
	}
	roles(t, url, shown(t, "Ask a payment channel until the trade is final", "sql", 1)[0], writes)
	roles(t, url, shown(t, "Act later", "sql", 1)[0], writes)
	get(t, db, []any{&states}, "select string_agg(endpoint || ' ' || state, ', ' order by endpoint) from orderbell.notification_status where event in ('trade.query', 'order.unpaid')")
	if want := "alipay cancelled, close-unpaid cancelled"; states != want {
		t.Errorf("after questions and actions there are %s, wanted %s", states, want)
	}
}

// The configuration of scans is one, and its queries run in the sample business.
func TestScans(t *testing.T) {
	t.Parallel()
	url := business(t)
	file := t.TempDir() + "/orderbell.yaml"
	if err := os.WriteFile(file, []byte(shown(t, "Find what was missed: scans", "yaml", 1)[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := config.Load(file, []string{"ORDERBELL_DATABASE_URL=" + url})
	if err != nil {
		t.Fatal(err)
	}
	db := connect(t, url)
	for _, scan := range c.Scans {
		run(t, db, scan.Query)
	}
	if len(c.Scans) != 2 {
		t.Errorf("%d scans", len(c.Scans))
	}
}
