package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbell/orderbell/internal/outbox"
)

// The words are the same in Go and in SQL.
func TestEnumsAreTheWordsOfOutbox(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for enum, want := range map[string][]string{"orderbell.state": words(outbox.States), "orderbell.outcome": words(outbox.Outcomes)} {
		got := all[string](t, h.pool, "select unnest(enum_range(null::"+enum+"))::text")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-Go +SQL):\n%s", enum, diff)
		}
	}
}

func words[S ~string](of []S) (words []string) {
	for _, w := range of {
		words = append(words, string(w))
	}
	return words
}

// Everything that writes deliveries, tried from every state, makes only moves
// that outbox allows, and every move that this release has.
func TestEveryStatementFromEveryState(t *testing.T) {
	t.Parallel()
	reached := map[[2]outbox.State]bool{}
	// What ends a row that owes its hook.
	ends := map[string]bool{"cancel": true, "call the hook again": true}
	h := newHouse(t)
	h.hook("works", "select")
	for _, at := range situations() {
		for name, write := range writes() {
			id := h.enqueue("A1")
			h.place(id, at)
			if at.owes != "" {
				h.exec("insert into orderbell.owed (notification_id, state, reason, hook) values ($1, $2::text::orderbell.state, 'placed', 'works')", id, string(at.owes))
			}
			before := outbox.State(h.standing(id).State)
			if before != at.state {
				t.Fatalf("%s was placed at %s", at.name, before)
			}
			write(h, &outbox.Claim{ID: id, Attempt: 1, Endpoint: "m-1"})
			after := outbox.State(h.standing(id).State)
			switch {
			case at.owes != "" && after != before:
				// It ends as what it has come to, by what may end it.
				if !ends[name] || after != at.owes {
					t.Errorf("%s: %s moved it to %s", at.name, name, after)
				}
			case at.owes != "" && ends[name]:
				t.Errorf("%s: %s did not end it", at.name, name)
			case after != before:
				reached[[2]outbox.State{before, after}] = true
				if !outbox.CanMove(before, after) {
					t.Errorf("%s: %s moved it to %s, which outbox forbids", at.name, name, after)
				}
			}
			h.exec("delete from orderbell.delivery")
			h.exec("delete from orderbell.owed")
		}
	}
	for _, from := range outbox.States {
		for _, to := range outbox.States {
			if outbox.CanMove(from, to) && !reached[[2]outbox.State{from, to}] {
				t.Errorf("outbox allows %s to become %s, and no statement does it", from, to)
			}
		}
	}
}

// situation is where a row may stand.
type situation struct {
	name  string
	state outbox.State
	set   string // of the delivery; empty where there is none
	owes  outbox.State
}

func situations() (all []situation) {
	const mine = "state = 'in_flight', attempt_count = 1, claimed_by = 'w-1', leased_until = now() + interval '8 s'"
	all = []situation{
		{name: "held", state: outbox.Held, set: "state = 'held', next_attempt_at = 'infinity'"},
		{name: "due", state: outbox.Pending, set: "attempt_count = 0"},
		{name: "waiting on a rung", state: outbox.Pending, set: "attempt_count = 1, rung = 1, next_attempt_at = now() + interval '1 h'"},
		{name: "in flight", state: outbox.InFlight, set: mine},
		{name: "in flight, to be cancelled", state: outbox.InFlight, set: mine + ", ends_as = 'cancelled'"},
		{name: "in flight, to be superseded", state: outbox.InFlight, set: mine + ", ends_as = 'superseded'"},
		{name: "in flight, acknowledged already", state: outbox.InFlight, set: mine + ", ends_as = 'acknowledged'"},
		{name: "in flight, its lease over", state: outbox.InFlight, set: strings.Replace(mine, "+", "-", 1)},
		{name: "in flight once more", state: outbox.InFlight, set: strings.NewReplacer("count = 1", "count = 2", "w-1", "w-2").Replace(mine)},
	}
	for _, s := range []outbox.State{outbox.Acknowledged, outbox.Exhausted, outbox.Rejected} {
		all = append(all, situation{name: "owing a hook, " + string(s), state: outbox.Pending, set: "attempt_count = 1, owes = true, alone = true", owes: s})
	}
	for _, s := range outbox.States {
		if s.Finished() {
			all = append(all, situation{name: string(s), state: s})
		}
	}
	return all
}

// place puts a new row into a situation.
func (h *house) place(id outbox.ID, at situation) {
	h.t.Helper()
	if at.set == "" {
		h.exec("delete from orderbell.delivery where notification_id = $1", id)
		h.exec("insert into orderbell.finished (notification_id, round, state, reason, attempt_count) values ($1, 0, $2::text::orderbell.state, 'placed', 1)", id, string(at.state))
		return
	}
	h.move(id, at.set)
}

// writes are all that changes deliveries: the statements of sql/ that do, and the
// functions that order services call.
func writes() map[string]func(*house, *outbox.Claim) {
	all := map[string]func(*house, *outbox.Claim){
		"claim": func(h *house, _ *outbox.Claim) { h.claim(h.db, 9) },
		"renew": func(h *house, c *outbox.Claim) {
			if _, err := h.db.Renew(h.t.Context(), []*outbox.Claim{c}); err != nil {
				h.t.Fatal(err)
			}
		},
		"cancel":    func(h *house, _ *outbox.Claim) { h.cancel("A1") },
		"release":   func(h *house, _ *outbox.Claim) { h.release("A1") },
		"queue":     func(h *house, _ *outbox.Claim) { h.queue() },
		"supersede": func(h *house, _ *outbox.Claim) { h.supersede("A1", "") },
		"call the hook again": func(h *house, c *outbox.Claim) {
			if _, err := h.db.CallOwed(h.t.Context(), outbox.Owed{ID: c.ID}, nil); err != nil {
				h.t.Fatal(err)
			}
		},
	}
	for _, outcome := range outbox.Outcomes {
		for _, rung := range []int{0, 9} {
			all[fmt.Sprintf("settle as %s at rung %d", outcome, rung)] = func(h *house, c *outbox.Claim) {
				c.Rung = rung
				h.settle(result(c, outcome))
			}
			all[fmt.Sprintf("settle alone as %s at rung %d", outcome, rung)] = func(h *house, c *outbox.Claim) {
				c.Rung = rung
				h.alone(result(c, outcome))
			}
		}
	}
	return all
}

// The CHECKs tie the columns to the state: what they let through is what the
// statements may write, and nothing else.
func TestChecksOfDelivery(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tx := h.begin()
	for _, state := range words(outbox.States) {
		for bits := range 1 << 6 {
			infinite, leased, claimed, begun := bits&1 != 0, bits&2 != 0, bits&4 != 0, bits&8 != 0
			ends := []string{"", "cancelled", "acknowledged", "exhausted"}[bits>>4]
			inFlight := state == "in_flight"
			legal := (state == "held" || state == "pending" || inFlight) && (state == "held") == infinite &&
				inFlight == leased && inFlight == claimed && (!inFlight || begun) &&
				(ends == "" || inFlight && ends != "exhausted")
			if _, err := tx.Exec(t.Context(), "savepoint s"); err != nil {
				t.Fatal(err)
			}
			_, err := tx.Exec(t.Context(), `
				insert into orderbell.delivery (notification_id, endpoint, state, next_attempt_at, leased_until, claimed_by, attempt_count, ends_as)
				values (orderbell.uuid7(), 'm-1', $1::text::orderbell.state, case when $2 then 'infinity' else now() end,
				        case when $3 then now() end, case when $4 then 'w-1' end, case when $5 then 1 else 0 end, nullif($6, '')::orderbell.state)`,
				state, infinite, leased, claimed, begun, ends)
			if refused := isCheck(t, err); refused == legal {
				t.Errorf("%s, infinite %t, leased %t, claimed %t, begun %t, ends_as %q: refused is %t", state, infinite, leased, claimed, begun, ends, refused)
			}
			if _, err := tx.Exec(t.Context(), "rollback to s"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestChecksOfFinished(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, state := range outbox.States {
		for _, reason := range []*string{nil, new("because")} {
			_, err := h.pool.Exec(t.Context(), `
				insert into orderbell.finished (notification_id, round, state, reason, attempt_count)
				values (orderbell.uuid7(), 0, $1::text::orderbell.state, $2, 0)`, string(state), reason)
			legal := state.Finished() && (reason != nil || state == outbox.Acknowledged)
			if refused := isCheck(t, err); refused == legal {
				t.Errorf("%s, with a reason %t: refused is %t", state, reason != nil, refused)
			}
		}
	}
}

func TestChecksOfCounts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.settle(result(h.claimed("A1"), outbox.OutcomeTimeout))
	if _, err := h.pool.Exec(t.Context(), "update orderbell.attempt set attempt = 0"); !isCheck(t, err) {
		t.Error("an attempt can have the number 0")
	}
}

// What operators write is refused at once.
func TestChecksOfOperators(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const insert = "insert into orderbell.policy (name, ladder, acknowledge) values "
	for statement, code := range map[string]string{
		insert + "('', '{1s}', 'true')":                                   "23514",
		insert + "('a b', '{1s}', 'true')":                                "23514",
		insert + "('p', '{1s}', '')":                                      "23514",
		insert + "('p', null, 'true')":                                    "23514|23502",
		insert + "('p', '{0s}', 'true')":                                  "23514",
		insert + "('p', '{-1s}', 'true')":                                 "23514",
		insert + "('p', '{1s,null}', 'true')":                             "23514",
		insert + "('p', '{2 years}', 'true')":                             "23514",
		insert + "('p', '{{1s},{2s}}', 'true')":                           "23514",
		insert + "('p', array_fill(interval '1 s', array[101]), 'true')":  "23514",
		insert + "('p', '{1s}', repeat('x', 4097))":                       "23514",
		"update orderbell.policy set method = 'GET'":                      "23514",
		"update orderbell.policy set method = 'PUT'":                      "23514",
		"update orderbell.policy set format = 'xml'":                      "23514",
		"update orderbell.policy set timeout = '0'":                       "23514",
		"update orderbell.policy set timeout = '1 h'":                     "23514",
		"update orderbell.policy set signature = 'rot13'":                 "23514",
		"update orderbell.policy set retry_after_cap = '-1 s'":            "23514",
		"update orderbell.policy set first_wait = '31 days'":              "23514",
		"delete from orderbell.policy where name = 'standard'":            "23503",
		"update orderbell.endpoint set url = 'ftp://x'":                   "23514",
		"update orderbell.endpoint set url = 'sql:shop.close'":            "23514",
		"update orderbell.endpoint set max_in_flight = 0":                 "23514",
		"update orderbell.endpoint set max_in_flight = 10001":             "23514",
		"update orderbell.endpoint set max_in_flight = 10000":             "",
		"update orderbell.endpoint set rate_per_second = 0":               "23514",
		"update orderbell.endpoint set rate_per_second = 10000.1":         "23514",
		"update orderbell.endpoint set rate_per_second = 'NaN'":           "23514",
		"update orderbell.endpoint set rate_per_second = 0.001":           "",
		"update orderbell.endpoint set on_head_exhausted = 'block'":       "",
		"update orderbell.endpoint set paused_at = now()":                 "",
		"update orderbell.endpoint set pause_reason = 'asked'":            "23514",
		"update orderbell.endpoint set headers = '[]'":                    "23514",
		`update orderbell.endpoint set headers = '{"Host": "x"}'`:         "23514",
		"update orderbell.endpoint set policy = 'slow'":                   "23503",
		"insert into orderbell.endpoint values ('', 'http://x/')":         "23514",
		"insert into orderbell.setting values (true, 1, 'bell')":          "23505",
		"insert into orderbell.setting values (false, 1, 'bell')":         "23514",
		"update orderbell.setting set wake = 'sometimes'":                 "23514",
		"update orderbell.setting set max_body_bytes = 0":                 "23514",
		"update orderbell.setting set max_body_bytes = 16777217":          "23514",
		"update orderbell.endpoint set url = null":                        "23502|23514",
		insert + "('p', '{}', 'true')":                                    "",
		"update orderbell.policy set method = 'GET', format = 'query'":    "",
		"insert into orderbell.endpoint values ('中文 id', 'https://x:1/')": "",
	} {
		tx := h.begin()
		_, err := tx.Exec(t.Context(), statement)
		var refused *pgconn.PgError
		got := ""
		if errors.As(err, &refused) {
			got = refused.Code
		}
		if code == "" && err != nil || code != "" && !slices.Contains([]string{code[:5], code[len(code)-5:]}, got) {
			t.Errorf("%s: it said %v, want code %q", statement, err, code)
		}
		_ = tx.Rollback(t.Context())
	}
}

// isCheck tells whether a CHECK refused; another error fails the test.
func isCheck(t testing.TB, err error) bool {
	t.Helper()
	var refused *pgconn.PgError
	switch {
	case err == nil:
		return false
	case errors.As(err, &refused) && refused.Code == "23514":
		return true
	}
	t.Fatal(err)
	return false
}
