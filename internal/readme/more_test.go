package readme_test

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/channels"
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

	roles(t, url, shown(t, "Order push: when the order is complete, and in order", "sql", 1)[0], writes)
	var states string
	get(t, db, []any{&states}, "select string_agg(event || ' ' || state || ' ' || (released_at is not null), ', ' order by event) from orderbell.notification_status")
	if want := "order.created pending true, order.paid pending false, order.state pending false"; states != want {
		t.Errorf("after order push there are %s, wanted %s", states, want)
	}
	roles(t, url, shown(t, "Act later", "sql", 1)[0], writes)
	get(t, db, []any{&states}, "select string_agg(endpoint || ' ' || state, ', ' order by endpoint) from orderbell.notification_status where event = 'order.unpaid'")
	if want := "close-unpaid cancelled"; states != want {
		t.Errorf("after actions there are %s, wanted %s", states, want)
	}
}

// questionsOfThePage does what the page says to have a payment channel asked, in its order.
func questionsOfThePage(t *testing.T, p *program) {
	t.Helper()
	url := business(t)
	alipay, err := channels.NewAlipay("2026000100000001")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, text := range map[string]string{"alipay-public-key.pem": alipay.AnswerKey(), "our-private-key.pem": alipay.Secret()} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const section = "Ask a payment channel until the trade is final"
	asking := shown(t, section, "sql", 2)
	roles(t, url, asking[0], writes)
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	environ := append(p.environ(url), "ORDERBELL_SECRETS_MASTER_KEY="+base64.StdEncoding.EncodeToString(key))
	execute(t, folder, environ, "sh", "-euc", shown(t, section, "sh", 1)[0])
	roles(t, url, asking[1], writes)
	var state, parked string
	get(t, connect(t, url), []any{&state, &parked}, `select s.state, coalesce(e.fault, '') from orderbell.notification_status s
		join orderbell.endpoint e on e.id = s.endpoint where event = 'trade.query'`)
	if state != "cancelled" || parked != "" {
		t.Errorf("the question is %s; the endpoint is parked: %s", state, parked)
	}
}

// writes tells what an operator writes from what an order service does.
func writes(statement string) bool { return strings.Contains(statement, "insert into orderbell.") }

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
