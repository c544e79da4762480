package main_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// object reads standard output as one JSON object, and no more.
func object(t testing.TB, r result) map[string]any {
	t.Helper()
	var found map[string]any
	if err := json.Unmarshal([]byte(r.stdout), &found); err != nil {
		t.Fatalf("standard output is no JSON object: %v\n%s", err, r.stdout)
	}
	return found
}

// owes makes rows owe their hook; what follows says as what they end.
const owes = "update orderbell.delivery set alone = true, owes = true; insert into orderbell.owed (notification_id, state, reason, hook, tries)"

func TestStatus(t *testing.T) {
	t.Parallel()
	calm := map[string]any{"due_now": 0.0, "in_flight": 0.0, "waiting": 0.0, "held": 0.0, "parked": 0.0, "paused": 0.0, "behind_breaker": 0.0, "queued": 0.0, "owing_hooks": 0.0}
	for _, test := range []struct {
		name     string
		make     string // SQL, after one notification was written
		status   int
		counts   map[string]any
		problems []string // what each begins with
	}{
		{"nothing", "delete from orderbell.delivery", 0, nil, nil},
		{"due", "select 1", 0, map[string]any{"due_now": 1.0}, nil},
		{
			"waiting", "update orderbell.delivery set next_attempt_at = now() + interval '1 hour'", 0,
			map[string]any{"waiting": 1.0},
			nil,
		},
		{
			"overdue", "update orderbell.delivery set next_attempt_at = now() - interval '2 min'", 1,
			map[string]any{"due_now": 1.0},
			[]string{"1 notification is due, the oldest for 12"},
		},
		{
			"parked", "update orderbell.policy set fault = 'broken'", 1,
			map[string]any{"parked": 1.0},
			[]string{"1 notification is parked: something on our side keeps it from"},
		},
		{
			"paused", "update orderbell.delivery set next_attempt_at = now() - interval '2 min'; select orderbell.pause('m-1')", 0,
			map[string]any{"paused": 1.0},
			nil,
		},
		{
			"behind a breaker", "update orderbell.delivery set next_attempt_at = now() - interval '2 min'; insert into orderbell.breaker (endpoint, probe_at, reason, opened_by) values ('m-1', now(), 'refused', 'w')", 0,
			map[string]any{"behind_breaker": 1.0},
			nil,
		},
		{
			"queued", "insert into orderbell.notification (endpoint, event, order_no, body, sequence_key) select 'm-1', 'e', 'o-2', '{}', 'k' from generate_series(1, 3)", 0,
			map[string]any{"due_now": 2.0, "queued": 2.0},
			nil,
		},
		{
			"owing a hook", owes + " select notification_id, 'exhausted', 'no answer', 'close', 0 from orderbell.delivery", 0,
			map[string]any{"owing_hooks": 1.0},
			nil,
		},
		{
			"a hook fails", owes + " select notification_id, 'exhausted', 'no answer', 'close', 1 from orderbell.delivery", 1,
			map[string]any{"owing_hooks": 1.0},
			[]string{"1 notification has come to its end, but its hook fails; explanation in orderbell.notification_status says why"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.endpoint("m-1", "https://shop.example/notify")
			s.enqueue("m-1", "o-1")
			for statement := range strings.SplitSeq(test.make, "; ") {
				s.exec(statement)
			}
			s.wantsStatus(t, test.status, test.problems)
			got := object(t, run(t, s.env(), "status", "--json"))
			want := map[string]any{}
			for _, counts := range []map[string]any{calm, test.counts} {
				for name, n := range counts {
					want[name] = n
				}
			}
			delete(got, "problems")
			delete(got, "oldest_overdue_seconds")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the object differs from what is wanted:\n%s", diff)
			}
		})
	}
}

// wantsStatus compares the problems of the table and of the object.
func (s *shop) wantsStatus(t *testing.T, status int, problems []string) {
	t.Helper()
	stderr := ""
	if len(problems) > 0 {
		stderr = "orderbell: " + problems[0]
	}
	run(t, s.env(), "status").wants(t, status, "oldest overdue  ", stderr)
	asJSON := run(t, s.env(), "status", "--json")
	asJSON.wants(t, status, "{", stderr)
	got := object(t, asJSON)
	found, ok := got["problems"].([]any)
	if !ok || len(found) != len(problems) {
		t.Fatalf("the problems are %v", got["problems"])
	}
	for i, problem := range found {
		if text, _ := problem.(string); !strings.HasPrefix(text, problems[i]) {
			t.Errorf("problem %d is %q", i, text)
		}
	}
}

// --json speaks the view's words.
func TestStatusHasTheColumnsOfTheView(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	columns := strings.Split(s.get(`select string_agg(attname, ',' order by attname) from pg_attribute
		where attrelid = 'orderbell.backlog'::regclass and attnum > 0`), ",")
	var keys []string
	for key := range object(t, run(t, s.env(), "status", "--json")) {
		if key != "problems" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	if diff := cmp.Diff(columns, keys); diff != "" {
		t.Errorf("the object differs from the view:\n%s", diff)
	}
}
