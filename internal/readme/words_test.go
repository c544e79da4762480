package readme_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/delivery/acknowledge"
	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/pgtest"
)

func TestStatesAndOutcomes(t *testing.T) {
	t.Parallel()
	var states []outbox.State
	for _, row := range table(t, "state") {
		states = append(states, outbox.State(plain(row[0])))
	}
	if diff := cmp.Diff(outbox.States, states); diff != "" {
		t.Errorf("states (-code +page):\n%s", diff)
	}
	var outcomes []outbox.Outcome
	spends := map[outbox.Outcome]string{}
	for _, row := range table(t, "outcome") {
		outcomes = append(outcomes, outbox.Outcome(plain(row[0])))
		spends[outcomes[len(outcomes)-1]] = row[2]
	}
	if diff := cmp.Diff(outbox.Outcomes, outcomes); diff != "" {
		t.Errorf("outcomes (-code +page):\n%s", diff)
	}
	policy := &outbox.Policy{Ladder: outbox.Ladder{time.Second}}
	for _, outcome := range outcomes {
		verdict := policy.Judge(&outbox.Claim{}, outbox.Result{Outcome: outcome})
		third := policy.Judge(&outbox.Claim{Unknowns: 2}, outbox.Result{Outcome: outcome})
		want := "no"
		switch {
		case verdict.State.Finished():
			want = "ends it"
		case verdict.Rung > 0:
			want = "yes"
		case third.Rung > 0:
			want = "from the third in a row on"
		}
		if spends[outcome] != want {
			t.Errorf("%s spends a rung: the page says %q, want %q", outcome, spends[outcome], want)
		}
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	type policy struct {
		Name, Acknowledge string
		Ladder            []time.Duration
		Timeout           time.Duration
	}
	rows, err := pgtest.Pool(t).Query(t.Context(), "select name, acknowledge, ladder, timeout from orderbell.policy")
	if err != nil {
		t.Fatal(err)
	}
	want, err := pgx.CollectRows(rows, pgx.RowToStructByName[policy])
	if err != nil {
		t.Fatal(err)
	}
	var got []policy
	for _, row := range table(t, "policy") {
		p := policy{Name: plain(row[0]), Acknowledge: spans(row[2])[0], Timeout: duration(t, row[3])}
		for rung := range strings.FieldsSeq(row[1]) {
			p.Ladder = append(p.Ladder, duration(t, rung))
		}
		got = append(got, p)
	}
	byName := func(a, b policy) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(want, byName)
	slices.SortFunc(got, byName)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policies (-database +page):\n%s", diff)
	}
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// answers are what the first column of the table describes.
var answers = map[string]acknowledge.Answer{
	"`success`":                         {Status: 200, Body: "success"},
	"`success` and a line feed":         {Status: 200, Body: "success\n"},
	"a byte order mark, then `success`": {Status: 200, Body: "\ufeffsuccess"},
	"`SUCCESS`":                         {Status: 200, Body: "SUCCESS"},
	"`\"success\"`, in quotes":          {Status: 200, Body: `"success"`},
	"`<p>success</p>`":                  {Status: 200, Body: "<p>success</p>"},
	"`fail`":                            {Status: 200, Body: "fail"},
	"an empty body":                     {Status: 200},
	"status 204, an empty body":         {Status: 204},
	"status 201, `success`":             {Status: 201, Body: "success"},
	"status 500, `success`":             {Status: 500, Body: "success"},
}

func TestWhatCountsAsSuccess(t *testing.T) {
	t.Parallel()
	rules := map[string]*acknowledge.Rule{}
	for _, row := range table(t, "policy") {
		rule, err := acknowledge.Compile(spans(row[2])[0])
		if err != nil {
			t.Fatalf("%s: %v", row[0], err)
		}
		rules[plain(row[0])] = rule
	}
	columns := [][]string{{"standard", "quick"}, {"alipay"}, {"wechatpay"}, {"webhook"}}
	rows := table(t, "answer")
	if len(rows) != len(answers) {
		t.Errorf("the table has %d answers, the test %d", len(rows), len(answers))
	}
	for _, row := range rows {
		answer, ok := answers[row[0]]
		if !ok {
			t.Fatalf("the test does not know the answer %q", row[0])
		}
		for i, policies := range columns {
			for _, policy := range policies {
				yes, err := rules[policy].True(answer)
				if got := map[bool]string{true: "yes", false: "no"}[yes]; err != nil || got != row[i+1] {
					t.Errorf("%s, %s: the page says %s, the rule %s (%v)", row[0], policy, row[i+1], got, err)
				}
			}
		}
	}
}

// The rule that the page suggests for a channel is a rule.
func TestOtherRules(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, text := range spans(prose(t, "What counts as `success`")) {
		if strings.HasPrefix(text, "json(\"") || strings.HasPrefix(text, "status ") {
			seen++
			if _, err := acknowledge.Compile(text); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	if seen < 6 {
		t.Errorf("found %d rules on the page, want at least 6", seen)
	}
}

// Every variable and key that the page and the composition mention is known.
func TestConfigurationNames(t *testing.T) {
	t.Parallel()
	text := read(t, "README.md")
	names := regexp.MustCompile(`\bORDERBELL_[A-Z_]+\b`).FindAllString(text, -1)
	for _, key := range regexp.MustCompile("`(?:database|worker|network|log)\\.[a-z_]+`").FindAllString(text, -1) {
		names = append(names, "ORDERBELL_"+strings.ToUpper(strings.ReplaceAll(plain(key), ".", "_")))
	}
	for _, name := range names {
		if unknown(name) {
			t.Errorf("README.md names %s, which configures nothing", name)
		}
	}
	if len(names) < 8 {
		t.Errorf("found %d names on the page, want at least 8", len(names))
	}
	if !unknown("ORDERBELL_NO_SUCH") {
		t.Error("an unknown name passes")
	}
}

func unknown(name string) bool {
	_, warnings, _ := config.Load("", []string{name + "=x"})
	return slices.ContainsFunc(warnings, func(p config.Problem) bool { return p.Source == name })
}

// Whatever the page calls orderbell.something is in the schema.
func TestDatabaseNames(t *testing.T) {
	t.Parallel()
	db := pgtest.Pool(t)
	names := regexp.MustCompile(`\borderbell\.([a-z_0-9]+)\b`).FindAllStringSubmatch(read(t, "README.md"), -1)
	for _, name := range names {
		var there bool
		err := db.QueryRow(t.Context(), `
			select exists (select from pg_class where relnamespace = 'orderbell'::regnamespace and relname = $1)
			    or exists (select from pg_proc where pronamespace = 'orderbell'::regnamespace and proname = $1)`, name[1]).Scan(&there)
		if err != nil {
			t.Fatal(err)
		}
		if !there {
			t.Errorf("README.md names %s, which is not in the schema", name[0])
		}
	}
}
