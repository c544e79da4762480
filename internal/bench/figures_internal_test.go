package bench

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fake is a measure of which only the lines matter.
type fake []line

func (fake) name() string                            { return "fake" }
func (f fake) lines() []line                         { return f }
func (fake) take(context.Context, *rig, *book) error { return nil }

func figures(rough bool, lines []line, rounds map[string][]float64) []Figure {
	b := newBook(fake(lines), time.Now(), &bytes.Buffer{})
	for figure, values := range rounds {
		for _, value := range values {
			b.add(figure, value)
		}
	}
	return b.report(lines, rough)
}

func TestFigures(t *testing.T) {
	t.Parallel()
	lines := []line{{figure: "ours", unit: "/s", yardstick: "theirs", target: ratioAtLeast(0.5)}}
	found := figures(false, lines, map[string][]float64{"ours": {10, 30, 20}, "theirs": {20, 30, 80}})
	bound, ok := 0.5, true
	want := []Figure{{
		Measure: "fake", Figure: "ours", Unit: "/s",
		Value:     &Spread{Median: 20, Least: 10, Most: 30, Rounds: []float64{10, 30, 20}},
		Yardstick: &Yardstick{Figure: "theirs", Spread: Spread{Median: 30, Least: 20, Most: 80, Rounds: []float64{20, 30, 80}}},
		// Not 20/30: each round by its own.
		Ratio:  &Spread{Median: 0.5, Least: 0.25, Most: 1, Rounds: []float64{0.5, 1, 0.25}},
		Target: &Target{Of: "ratio", AtLeast: &bound, OK: &ok},
	}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		target         target
		value, against []float64
		rough          bool
		want, verdict  string
	}{
		"none":                    {value: []float64{1}},
		"ratio met":               {target: ratioAtLeast(0.5), value: []float64{5}, against: []float64{10}, want: "≥ 0.5 ×", verdict: "ok"},
		"ratio missed":            {target: ratioAtLeast(0.6), value: []float64{5}, against: []float64{10}, want: "≥ 0.6 ×", verdict: "missed"},
		"most met":                {target: ratioAtMost(0.5), value: []float64{5}, against: []float64{10}, want: "≤ 0.5 ×", verdict: "ok"},
		"most missed":             {target: ratioAtMost(0.4), value: []float64{5}, against: []float64{10}, want: "≤ 0.4 ×", verdict: "missed"},
		"ratio without yardstick": {target: ratioAtLeast(0.5), value: []float64{5}, want: "(≥ 0.5 ×)"},
		"count met":               {target: countAtMost(600), value: []float64{600}, want: "≤ 600 b", verdict: "ok"},
		"count missed":            {target: countAtMost(0), value: []float64{1}, want: "≤ 0 b", verdict: "missed"},
		"speed is not judged":     {target: speedAtMost(3), value: []float64{99}, want: "(≤ 3 b)"},
		"speed at least":          {target: speedAtLeast(90_000), value: []float64{1}, want: "(≥ 90,000 b)"},
		"rough is not judged":     {target: countAtMost(0), value: []float64{1}, rough: true, want: "(≤ 0 b)"},
		"not measured":            {target: countAtMost(0), against: []float64{1}, want: "≤ 0 b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := figures(test.rough, []line{{figure: "a", unit: "b", yardstick: "c", target: test.target}},
				map[string][]float64{"a": test.value, "c": test.against})[0]
			if got := f.target(); got != test.want {
				t.Errorf("target %q, want %q", got, test.want)
			}
			if got := f.verdict(); got != test.verdict {
				t.Errorf("verdict %q, want %q", got, test.verdict)
			}
		})
	}
}

// A measure that failed before its first figure has no lines of "not measured".
func TestNoFigures(t *testing.T) {
	t.Parallel()
	if found := figures(false, []line{{figure: "a"}}, nil); found != nil {
		t.Errorf("figures of nothing: %v", found)
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	var told bytes.Buffer
	lines := []line{{figure: "known", unit: "ms"}, {figure: "unknown", unit: "ms"}}
	b := newBook(fake(lines), time.Now(), &told)
	b.add("known", 1.5)
	b.note("unknown", "why")
	found := b.report(lines, false)
	if found[1].Value != nil || found[1].Note != "why" || found[1].value() != "not measured" {
		t.Errorf("a figure that is missing: %+v", found[1])
	}
	if !strings.Contains(told.String(), "fake") || !strings.Contains(told.String(), "known: 1.5 ms\n") {
		t.Errorf("the progress is %q", told.String())
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	found := figures(false, []line{
		{figure: "ours", unit: "/s", yardstick: "theirs", target: ratioAtLeast(2)},
		{figure: "theirs", unit: "/s"},
	}, map[string][]float64{"ours": {3000, 1000, 2000}, "theirs": {1000}})
	report := Report{Completed: true, Figures: found}
	want := [][]string{
		{"MEASURE", "FIGURE", "VALUE", "YARDSTICK", "RATIO", "TARGET", ""},
		{"fake", "ours", "2,000/s (1,000–3,000)", "theirs: 1,000/s", "3", "≥ 2 ×", "ok"},
		{"fake", "theirs", "1,000/s", "", "", "", ""},
	}
	if diff := cmp.Diff(want, report.Table()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	plain := len(report.Legend())
	report.Quick, report.Completed = true, false
	if got := len(report.Legend()); got != plain+2 {
		t.Errorf("%d lines of explanation for a quick run that ended early, want two more than %d", got, plain)
	}
}
