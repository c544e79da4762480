package config_test

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orderbell/orderbell/internal/config"
)

var anywhere = cmpopts.IgnoreFields(config.Scan{}, "Place")

func TestScans(t *testing.T) {
	t.Parallel()
	got := load(t, `
scans:
  - name: nightly
    schedule: 30 3 * * *
    query: |
      select 1 -- with a comment
      from shop.orders;
  - {name: "2.a-B_c", schedule: "@every 90s", kind: compensate, query: select, timeout: 24h}
  - name: gaps
    timeout: 1s
    kind: expect_nothing
    function: shop.gaps
    schedule: "CRON_TZ=UTC 0 0 3 * * *"
  - name: plain
    schedule: x
    function: gaps
    kind:
`).Scans
	want := []config.Scan{
		{Name: "nightly", Schedule: "30 3 * * *", Kind: "run", Query: "select 1 -- with a comment\nfrom shop.orders;", Timeout: 5 * time.Minute},
		{Name: "2.a-B_c", Schedule: "@every 90s", Kind: "compensate", Query: "select", Timeout: 24 * time.Hour},
		{Name: "gaps", Schedule: "CRON_TZ=UTC 0 0 3 * * *", Kind: "expect_nothing", Function: "shop.gaps", Timeout: time.Second},
		{Name: "plain", Schedule: "x", Kind: "run", Function: "gaps", Timeout: 5 * time.Minute},
	}
	if diff := cmp.Diff(want, got, anywhere); diff != "" {
		t.Errorf("scans (-want +got):\n%s", diff)
	}
	if p := got[2].Place; p.Line != 13 || p.Column != 5 || p.Key != "scans.schedule" || !strings.HasSuffix(p.Source, "config.yaml") {
		t.Errorf("the third schedule is at %+v", p)
	}
}

func TestMistakesInScansAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	content := `scans:
  - name: a
    schedule: s
    query: q
  - name: a
    schedule: s
    query: q
    function: f
  - schedule: s
    query: q
  - name: b
  - nightly
  - name: two words
    schedule: ""
    query: "  "
  - name: c
    schedule: [s]
    query: q
    colour: blue
  - name: d
    schedule: s
    kind: compare
    function: f()
    timeout: 5
  - name: e
    schedule: s
    schedule: s
    query: q
    timeout: 500ms
  - name: f
    schedule: s
    function: a.b.c
    timeout: 25h
  - name: "*/ select"
    schedule: s
    query:
`
	want := []string{
		`5:5: scans.name: "a" is the name of another scan, on line 2`,
		`8:5: scans.function: is set, and so is query; set one of them`,
		`9:5: scans: an entry has no name`,
		`11:5: scans: an entry has no schedule`,
		`11:5: scans: an entry has neither query nor function; set one of them`,
		`12:5: scans: an entry is a single value; allowed: keys with values, such as "- name: nightly"`,
		`13:5: scans.name: "two words" is no name of a scan; allowed: 1 to 63 letters, digits, dots, dashes and _`,
		`14:5: scans.schedule: is empty`,
		`15:5: scans.query: is empty`,
		`17:5: scans.schedule: is a list; allowed: one value`,
		`19:5: scans: this key is not known; allowed: name, schedule, kind, query, function, timeout`,
		`22:5: scans.kind: "compare" is not known; allowed: run, compensate, expect_nothing`,
		`23:5: scans.function: "f()" is no name of a function; allowed: one such as shop.close_unpaid, without parentheses`,
		`24:5: scans.timeout: "5" is no duration; allowed: 1s to 24h, with a unit, such as 5m`,
		`27:5: scans.schedule: is set twice in one entry`,
		`29:5: scans.timeout: "500ms" is out of range; allowed: 1s to 24h, with a unit, such as 5m`,
		`32:5: scans.function: "a.b.c" is no name of a function; allowed: one such as shop.close_unpaid, without parentheses`,
		`33:5: scans.timeout: "25h" is out of range; allowed: 1s to 24h, with a unit, such as 5m`,
		`34:5: scans.name: "*/ select" is no name of a scan; allowed: 1 to 63 letters, digits, dots, dashes and _`,
		`34:5: scans: an entry has neither query nor function; set one of them`,
	}
	var got []string
	for _, line := range lines(t, content) {
		got = append(got, strings.TrimPrefix(line, "config.yaml:"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if got := lines(t, "scans: {name: a}\n"); len(got) != 1 || !strings.Contains(got[0], "allowed: a list of entries, each behind a dash") {
		t.Errorf("no list: %q", got)
	}
}

// Whoever judges schedules sees them beside what else is wrong.
func TestScansOfAWrongConfiguration(t *testing.T) {
	t.Parallel()
	_, _, err := config.Load(write(t, "log: {level: loud}\nscans: [{name: a, schedule: soon, query: q}]\n"), nil)
	var wrong *config.Error
	if !errors.As(err, &wrong) || len(wrong.Problems) != 1 || len(wrong.Scans) != 1 || wrong.Scans[0].Schedule != "soon" {
		t.Errorf("got %+v", err)
	}
}

// The scans that the example shows can be taken as they are.
func TestTheScansOfTheExample(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`(?s)\n#  (- name: .*?)\nscans: \[\]`).FindSubmatch(example)
	if shown == nil {
		t.Fatal("the example shows no scans")
	}
	got := load(t, "scans:\n  "+strings.ReplaceAll(string(shown[1]), "\n#", "\n")).Scans
	kinds := map[string]string{}
	for _, scan := range got {
		kinds[scan.Name] = scan.Kind
	}
	want := map[string]string{"unnotified": "compensate", "paid-but-closed": "expect_nothing", "close-unpaid": "run"}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("scans (-want +got):\n%s", diff)
	}
}
