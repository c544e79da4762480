package app_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
)

// These rows are poisoned from the start, or by what happens to their endpoint or their
// policy. What enqueue makes of each kind of malformed value is in
// internal/postgres/malformed_test.go; a row that kills its worker each time is in
// internal/chaos/worker_killer_test.go; here a real worker sends what is beside them.
func TestPoisonedRows(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	database, err := pgx.ParseConfig(w.url)
	if err != nil {
		t.Fatal(err)
	}
	// Its rung is long: there is one attempt while the test looks.
	own := fmt.Sprintf(", policy => 'patient', url => 'http://%%s:%d/'", database.Port)
	const newPolicy = `insert into orderbell.policy (name, ladder, acknowledge) values ('%s', '{1h}', 'true');`
	rows := []poison{
		{name: "no URL", args: ", url => ''", state: "rejected", says: "url does not begin with http"},
		{name: "a relative URL", args: ", url => '/notify'", state: "rejected", says: "url does not begin with http"},
		{name: "a file", args: ", url => 'file:///etc/passwd'", state: "rejected", says: "url does not begin with http"},
		{name: "a function", args: ", url => 'sql:shop.close'", state: "rejected", says: "url does not begin with http"},
		{name: "user info", args: ", url => 'http://shop.example@127.0.0.1/'", state: "rejected", says: "url contains user information"},
		{name: "a line feed in the URL", args: ", url => e'http://127.0.0.1/\\r\\nX: y'", state: "rejected", says: "url contains white space"},
		{name: "CR LF in a header", args: `, headers => '{"X": "a\r\nY: b"}'`, state: "rejected", says: "headers: the value of X contains a control character"},
		{name: "CR LF in a header's name", args: `, headers => '{"X\r\nY": "b"}'`, state: "rejected", says: "is no header name"},
		{name: "headers that are none", args: `, headers => '[]'`, state: "rejected", says: "headers is no JSON object"},
		{name: "50 MB", args: ", dedupe_key => 'large'", edit: `select orderbell.enqueue('ENDPOINT', 'e', 'large', repeat('x', 50000000))`, state: "acknowledged", attempts: 1},

		{name: "the database's port", args: fmt.Sprintf(own, "127.0.0.1"), state: "pending", says: "is the database itself, which is never open", attempts: 1},
		{name: "the database's port by name", args: fmt.Sprintf(own, "localhost"), state: "pending", says: "is the database itself, which is never open", attempts: 1},
		{name: "the database's port, mapped", args: fmt.Sprintf(own, "[::ffff:127.0.0.1]"), state: "pending", says: "is the database itself, which is never open", attempts: 1},
		{name: "metadata", args: ", policy => 'patient', url => 'http://169.254.169.254/latest'", state: "pending", says: "in 169.254.0.0/16", attempts: 1},
		{name: "a private address", args: ", policy => 'patient', url => 'http://10.0.0.1/'", state: "pending", says: "network.allow can open it", attempts: 1},

		{
			name: "the endpoint is deleted", edit: "delete from orderbell.endpoint where id = 'ENDPOINT'", alone: true,
			state: "pending", says: "does not exist; no rung is spent",
			mend: fmt.Sprintf("insert into orderbell.endpoint (id, url) values ('ENDPOINT', '%s')", w.merchant.URL),
		},
		{
			name: "its policy is deleted", args: ", policy => 'short-lived'", edit: "delete from orderbell.policy where name = 'short-lived'",
			state: "pending", says: "parked because policy short-lived does not exist", mend: fmt.Sprintf(newPolicy, "short-lived"),
		},
		{
			name: "its policy is broken", args: ", policy => 'broken'", edit: "update orderbell.policy set acknowledge = 'status = = 200' where name = 'broken'",
			state: "pending", says: "parked because policy broken", mend: "update orderbell.policy set acknowledge = 'true' where name = 'broken'",
		},
		{
			name: "its policy wants another body", args: ", policy => 'form', url => null", edit: "update orderbell.policy set format = 'form' where name = 'form'; update orderbell.notification set body = '[1]' where id = 'ID'",
			state: "rejected", says: "the format form needs a JSON object", attempts: 1,
		},
		{
			name: "its policy has no rungs left", args: ", policy => 'none', url => 'http://10.0.0.1/'", edit: "update orderbell.policy set ladder = '{}' where name = 'none'",
			state: "exhausted", says: "10.0.0.1 is in 10.0.0.0/8", attempts: 1,
		},
	}
	for _, name := range []string{"patient", "short-lived", "broken", "form", "none"} {
		w.exec(fmt.Sprintf(newPolicy, name))
	}
	for i := range rows {
		w.admit(&rows[i], i)
	}
	w.watch(rows)
	if n := w.count("select count(*) from orderbell.finished where reason = 'body is longer than 262144 bytes'"); n != 1 {
		t.Errorf("%d rows were rejected for their size, wanted the one of 50 MB", n)
	}
}

// An unknown endpoint or policy is an error at once: there is no row, and no order.
func TestPoisonIsRefused(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.endpoint("sick", w.merchant.URL, "standard")
	id := w.enqueue("sick", "o-1", "{}")
	for sql, code := range map[string]string{
		"select orderbell.enqueue('nowhere', 'e', 'o-2', '{}')":                   "23503",
		"select orderbell.enqueue('sick', 'e', 'o-2', '{}', policy => 'nowhere')": "23503",
		"select orderbell.enqueue('sick', 'e', 'o-2', null)":                      "23502",
		"update orderbell.endpoint set policy = 'nowhere'":                        "23503",
		"update orderbell.endpoint set headers = '[]'":                            "23514",
		"update orderbell.endpoint set url = 'file:///etc/passwd'":                "23514",
		"delete from orderbell.policy where name = 'standard'":                    "23503",
		"update orderbell.policy set ladder = '{-1s}'":                            "23514",
		"update orderbell.delivery set next_attempt_at = null":                    "23502",
		"update orderbell.delivery set next_attempt_at = 'infinity'":              "23514",
		"update orderbell.delivery set state = 'held'":                            "23514",
		"update orderbell.delivery set state = 'in_flight'":                       "23514",
		"update orderbell.delivery set state = 'acknowledged'":                    "23514",
		"update orderbell.delivery set state = 'nonsense'":                        "22P02",
		"update orderbell.delivery set leased_until = now()":                      "23514",
		"update orderbell.delivery set claimed_by = 'me'":                         "23514",
		"update orderbell.delivery set ends_as = 'cancelled'":                     "23514",
		"update orderbell.delivery set rung = 32768":                              "22003",
		"update orderbell.delivery set endpoint = null":                           "23502",
		"insert into orderbell.delivery select * from orderbell.delivery":         "23505",
		"update orderbell.notification set headers = null":                        "23502",
		"update orderbell.notification set headers = '{'":                         "22P02",
	} {
		if got := w.refusal(sql); got != code {
			t.Errorf("%s: %s, wanted %s", sql, got, code)
		}
	}
	w.start()
	if state, why := w.ended(id); state != "acknowledged" {
		t.Errorf("it is %s: %s", state, why)
	}
}
