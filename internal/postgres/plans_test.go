package postgres_test

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/postgres"
)

// The worker's statements must not slow down with what they do not touch: with
// rows that wait, with history, with rows just deleted. So none may read a whole
// table, whatever the planner knew when it was last told.
func TestPlans(t *testing.T) {
	t.Parallel()
	const (
		fill = `insert into orderbell.notification (endpoint, event, order_no, body, deliver_at)
			select 'm-' || n % 200, 'e', n::text, repeat('x', 500), case when n % 10 <> 0 then now() + n * interval '1 s' end
			from generate_series(1, 50000) n`
		fly = `update orderbell.delivery set state = 'in_flight', attempt_count = 1, claimed_by = 'w-1', leased_until = now() - interval '1 s'
			where notification_id in (select notification_id from orderbell.delivery where next_attempt_at <= now() limit 300)`
		tried = `insert into orderbell.attempt (notification_id, attempt, round, started_at, duration_us, outcome, endpoint, worker)
			select id, 9, 0, now(), 1, 'timeout', endpoint, 'w-1' from orderbell.notification`
		analyze = "analyze orderbell.delivery, orderbell.notification, orderbell.attempt, orderbell.finished"
	)
	for _, test := range []struct {
		name  string
		steps []string
		tiny  bool
	}{
		// Whole tables may be read where there is nothing in them: every execution
		// is planned anew, by their size of the moment.
		{name: "empty", tiny: true},
		{name: "empty and analyzed", steps: []string{analyze}, tiny: true},
		{name: "full", steps: []string{fill, fly, tried, analyze}},
		{name: "analyzed while empty, then filled", steps: []string{analyze, fill, fly, tried}},
		{name: "freshly emptied", steps: []string{fill, fly, tried, analyze, "delete from orderbell.delivery"}},
		{name: "analyzed when freshly emptied", steps: []string{fill, fly, tried, "delete from orderbell.delivery", analyze}},
		// What was learnt of the empty table is believed until autovacuum comes.
		{name: "analyzed when freshly emptied, then filled", steps: []string{fill, fly, tried, "delete from orderbell.delivery", analyze, fill, fly}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.exec("insert into orderbell.endpoint (id, url) select 'm-' || n, 'http://shop.example/' from generate_series(0, 200) n on conflict do nothing")
			// Autovacuum would change what the planner knows in the middle.
			h.exec("alter table orderbell.delivery set (autovacuum_enabled = off)")
			for _, step := range test.steps {
				h.exec(step)
			}
			h.plans(t, test.tiny)
		})
	}
}

func (h *house) plans(t *testing.T, tiny bool) {
	t.Helper()
	conns := map[string]*pgx.Conn{}
	for kind := range postgres.Pinned {
		conns[kind] = pinned(t, h.url, kind)
	}
	ids := all[outbox.ID](t, h.pool, "select id from orderbell.notification limit 200")
	if len(ids) == 0 {
		ids = []outbox.ID{one[outbox.ID](t, h.pool, "select orderbell.uuid7()")}
	}
	for name, indexes := range served {
		statement := statements(t)[name]
		plan := explain(t, conns[sentOn[name]], statement, arguments(t, statement, ids))
		// An index may be used, and yet be walked from end to end.
		for _, removed := range removedRows.FindAllStringSubmatch(plan, -1) {
			if n, _ := strconv.Atoi(removed[1]); n > len(ids)*len(ids) && !slices.Contains([]string{"look", "full_look", "lapsed"}, name) {
				t.Errorf("%s: %s for %d rows\n%s", name, removed[0], len(ids), plan)
			}
		}
		if scan := seqScan.FindString(plan); scan != "" && !tiny {
			t.Errorf("%s: %s\n%s", name, scan, plan)
		}
		for _, index := range indexes {
			if !tiny && !regexp.MustCompile(index).MatchString(plan) {
				t.Errorf("%s does not use %s:\n%s", name, index, plan)
			}
		}
		days := map[string]bool{}
		for _, day := range partition.FindAllString(plan, -1) {
			days[day] = true
		}
		if name == "notifications" && len(days) != 1 {
			t.Errorf("notifications touches %d partitions:\n%s", len(days), plan)
		}
	}
}

var (
	removedRows = regexp.MustCompile(`Rows Removed by [\w ]*Filter: (\d+)`)

	seqScan   = regexp.MustCompile(`Seq Scan on (delivery|notification|attempt)\w*`)
	partition = regexp.MustCompile(`\bnotification_(\d{8}|default)\b`)

	// sentOn says on which kind of connection a statement is sent.
	sentOn = map[string]string{
		"claim": "claims", "settle": "settles", "unsettled": "settles", "renew": "settles",
		"look": "claims", "full_look": "claims", "lapsed": "reads", "notifications": "claims",
	}

	constants = regexp.MustCompile(`'\{[^']{60,}'`)

	// served are the indexes that the heads of the statements name.
	served = map[string][]string{
		"claim":         {`\bdelivery_lane\b`, `Tid Scan on delivery`},
		"look":          {`\bdelivery_due\b`},
		"full_look":     {`\bdelivery_due\b`},
		"lapsed":        {`\bdelivery_due\b`},
		"settle":        {`\bdelivery_pkey\b`},
		"unsettled":     {`\bdelivery_pkey\b`},
		"renew":         {`\bdelivery_pkey\b`},
		"notifications": {`\bnotification_\d{8}_pkey\b`},
	}
)

// arguments are what the worker gives to a statement, for as many rows as there
// are ids.
func arguments(t testing.TB, statement string, ids []outbox.ID) pgx.StrictNamedArgs {
	t.Helper()
	numbers := slices.Repeat([]int{1}, len(ids))
	zeros := slices.Repeat([]int{0}, len(ids))
	texts := slices.Repeat([]string{"x"}, len(ids))
	waits := slices.Repeat([]time.Duration{time.Second}, len(ids))
	every := map[string]any{
		"endpoints": texts, "froms": slices.Repeat([]time.Time{{}}, len(ids)), "takes": numbers, "sendable": slices.Repeat([]bool{true}, len(ids)), "policies": []string{"quick"}, "unsigned": slices.Repeat([]bool{false}, len(ids)), "signing": []string{},
		"suspects": slices.Repeat([]bool{false}, len(ids)), "free": outbox.FreeUnknowns,
		"again": false, "least": slices.MinFunc(ids, compare), "greatest": slices.MaxFunc(ids, compare), "holder": "w-1/0000", "lease": 8 * time.Second, "since": time.Now().Add(-time.Second),
		"ids": ids, "attempts": numbers, "rounds": zeros, "durations": zeros, "statuses": zeros, "rungs": zeros, "unknowns": zeros,
		"urls": texts, "errors": texts, "excerpts": texts, "workers": texts, "reasons": texts,
		"outcomes": slices.Repeat([]string{"timeout"}, len(ids)), "states": slices.Repeat([]string{"pending"}, len(ids)),
		"waits": waits, "began_ago": waits, "acknowledged": slices.Repeat([]bool{true}, len(ids)),
	}
	args := pgx.StrictNamedArgs{}
	for _, name := range parameters(t, statement) {
		args[name] = every[name]
	}
	return args
}

func compare(a, b outbox.ID) int { return bytes.Compare(a[:], b[:]) }

// explain runs the statement, and takes back what it did.
func explain(t testing.TB, conn *pgx.Conn, statement string, args pgx.StrictNamedArgs) string {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	rows, err := tx.Query(t.Context(), "explain (analyze, costs off, timing off) "+statement, args)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%v\n%s", err, statement)
	}
	return constants.ReplaceAllString(strings.Join(lines, "\n"), "'...'")
}

// pinned is a connection with the program's settings for what it does.
func pinned(t testing.TB, address, kind string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	postgres.Pinned[kind](config, "test")
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
