package app_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// refusal is the code with which the database refuses a statement.
func (w *ward) refusal(sql string) string {
	w.t.Helper()
	_, err := w.db.Exec(w.t.Context(), sql)
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return "no refusal"
	}
	return refused.Code
}

func notificationSet(columns string) string {
	return "update orderbell.notification set " + columns + " where id = 'ID'"
}

func deliverySet(columns string) string {
	return "update orderbell.delivery set " + columns + " where notification_id = 'ID'"
}

// What to send, edited by hand: nothing checks it but the courier.
func TestNotificationsEditedByHand(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	const gone = "the notification's row is gone; nothing was sent"
	rejected := func(name, columns, says string) poison {
		return poison{name: name, edit: notificationSet(columns), state: "rejected", says: says, attempts: 1}
	}
	sent := func(name, columns string) poison {
		return poison{name: name, edit: notificationSet(columns), state: "acknowledged", attempts: 1}
	}
	rows := []poison{
		rejected("a relative URL", "url = '/notify'", `the URL's scheme "" is neither`),
		rejected("a file", "url = 'file:///etc/passwd'", `the URL's scheme "file" is neither`),
		rejected("a function", "url = 'sql:shop.close'", `the URL's scheme "sql" is neither`),
		rejected("no host", "url = 'http://:80/'", "the URL has no host"),
		rejected("garbage", `url = e'http://\x01\x7f%zz'`, "the URL cannot be read"),
		rejected("megabytes of garbage", `url = repeat('%zz', 1000000)`, "the URL cannot be read"),
		rejected("CR LF in the URL", `url = e'http://127.0.0.1/\r\nX: y'`, "the URL cannot be read"),
		sent("no URL, so the endpoint's", "url = ''"),
		rejected("CR LF in a header", `headers = '{"X": "a\r\nY: b"}'`, "the value of the header X has a control character"),
		rejected("CR LF in a header's name", `headers = '{"X\r\nY": "b"}'`, "is no name of a header"),
		sent("headers that are null", "headers = 'null'"),
		sent("a header that is null", `headers = '{"X": null}'`),
		sent("headers that are ours", `headers = '{"Host": "shop.example", "Content-Length": "9", "Orderbell-Attempt": "9"}'`),
		rejected("CR LF in the content type", `content_type = e'a/b\r\nX: y'`, "the value of the header Content-Type has a control character"),
		sent("no content type", "content_type = ''"),
		sent("50 MB, past the check", "body = repeat('x', 50000000)"),
		sent("an event of control characters", `event = e'a\r\nb\x01'`),
		sent("an event without a name, of no order", "event = '', order_no = ''"),
		sent("the endpoint's name, only for people", "endpoint = 'nowhere'"),
		sent("made long ago", "created_at = '-infinity', deliver_at = 'infinity'"),
		sent("asks for what is not there", "hold = true, sequence_key = 'k', on_acknowledged = 'h', on_exhausted = 'h', dedupe_key = 'k', policy = 'nowhere'"),
		{name: "deleted", edit: "delete from orderbell.notification where id = 'ID'", state: "rejected", says: gone, attempts: 1},
		{name: "under another id", edit: notificationSet("id = orderbell.uuid7()"), state: "rejected", says: gone, attempts: 1},
	}
	for i := range rows {
		w.admit(&rows[i], i)
	}
	w.watch(rows)
}

// Where it stands, edited by hand.
func TestDeliveriesEditedByHand(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	sent := func(name, columns string) poison {
		return poison{name: name, edit: deliverySet(columns), state: "acknowledged", attempts: 1}
	}
	rests := func(name, columns, state, says string) poison {
		return poison{name: name, edit: deliverySet(columns), state: state, says: says}
	}
	// In flight with somebody who is not there, until its lease ends: unknown, and sent again.
	left := func(name, columns string) poison {
		return poison{name: name, edit: deliverySet("state = 'in_flight', attempt_count = 1, claimed_by = 'x', " + columns), state: "acknowledged", attempts: 2}
	}
	rows := []poison{
		sent("due before all time", "next_attempt_at = '-infinity'"),
		sent("due in antiquity", "next_attempt_at = '4713-01-01 BC'"),
		rests("due at the end of time", "next_attempt_at = '294276-12-01'", "pending", "attempt 1 comes at 294276-12-01"),
		rests("due where nanoseconds overflow", "next_attempt_at = now() + interval '213503 days 23:34:33.709552'", "pending", "attempt 1 comes at"),
		rests("held", "state = 'held', next_attempt_at = 'infinity'", "held", "held since "),
		sent("the last attempt but one that can be counted", "attempt_count = 2147483646"),
		sent("all rungs spent", "rung = 32767"),
		sent("unknown over and over", "unknowns = 32767"),
		sent("the last round", "round = 2147483647"),
		sent("less than nothing", "rung = -32768, round = -1, unknowns = -32768"),
		left("a lease that never began", "leased_until = '-infinity'"),
		left("a lease of antiquity", "leased_until = '4713-01-01 BC'"),
		left("a lease that ended 300 years ago", "leased_until = now() - interval '300 years'"),
		{
			name: "nobody's, all numbers at their end", state: "exhausted", says: "unknown: worker  lost its lease", attempts: 1,
			edit: deliverySet("state = 'in_flight', attempt_count = 2147483647, claimed_by = '', leased_until = '1970-01-01', unknowns = 32767, rung = 32767"),
		},
		{
			name: "marked as cancelled", state: "cancelled", says: "cancelled while attempt 1 was in flight", attempts: 1,
			edit: deliverySet("state = 'in_flight', attempt_count = 1, claimed_by = 'x', leased_until = '1970-01-01', ends_as = 'cancelled'"),
		},
		{
			name: "an unknown policy", edit: deliverySet("policy = 'nowhere'"), state: "pending", says: "parked because policy nowhere does not exist",
			mend: "insert into orderbell.policy (name, ladder, acknowledge) values ('nowhere', '{1m}', 'true')",
		},
		{
			name: "a policy without a name", edit: deliverySet("policy = ''"), state: "pending", says: "parked because policy  does not exist",
			mend: deliverySet("policy = null") + "; select orderbell.ring()",
		},
		{
			name: "an unknown endpoint", edit: deliverySet("endpoint = 'elsewhere'"), state: "pending", says: "parked because endpoint elsewhere does not exist",
			mend: "insert into orderbell.endpoint (id, url) values ('elsewhere', '" + w.merchant.URL + "')",
		},
		{
			name: "an endpoint without a name", edit: deliverySet("endpoint = ''"), state: "pending", says: "parked because endpoint  does not exist",
			mend: deliverySet("endpoint = 'ENDPOINT'") + "; select orderbell.ring()",
		},
		{
			name: "an unknown policy, in flight with nobody", state: "pending", says: "parked because policy nobodys does not exist", attempts: 1,
			edit: deliverySet("policy = 'nobodys', state = 'in_flight', attempt_count = 1, claimed_by = 'x', leased_until = '1970-01-01'"),
			mend: "insert into orderbell.policy (name, ladder, acknowledge) values ('nobodys', '{1m}', 'true')",
		},
		{
			name: "of the first notification that can be", id: "00000000-0000-0000-0000-000000000000", state: "rejected", says: "row is gone", attempts: 1,
			edit: deliverySet("notification_id = '00000000-0000-0000-0000-000000000000'"),
		},
		{
			name: "of the last notification that can be", id: "ffffffff-ffff-ffff-ffff-ffffffffffff", state: "rejected", says: "row is gone", attempts: 1,
			edit: deliverySet("notification_id = 'ffffffff-ffff-ffff-ffff-ffffffffffff'"),
		},
	}
	for i := range rows {
		w.admit(&rows[i], i)
	}
	w.watch(rows)
}
