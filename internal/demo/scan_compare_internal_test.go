package demo

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// goodScans are five orders: one with its notification, one forgotten and found, one
// forgotten a moment ago, one that nobody can be told of, and one of which the runs come.
func goodScans() (sold map[string]lacking, written map[string]writtenOrder, runs []scanRun) {
	at := func(d time.Duration) time.Time { return time.Unix(1000, 0).Add(d) }
	sold = map[string]lacking{
		"o-2": {at: at(ms(10))}, "o-3": {at: at(ms(5800))}, "o-4": {at: at(ms(10)), hopeless: true},
	}
	written = map[string]writtenOrder{
		"o-1": {"o-1", at(0), "n-1", 1}, "o-2": {"o-2", at(0), "n-2", 1},
		"o-3": {"o-3", at(ms(5790)), "", 0}, "o-4": {"o-4", at(0), "", 0},
	}
	for _, second := range []int{0, 2, 4, 6} {
		missed := scanRun{scanMissed, at(ms(1000 * second)), at(ms(1000*second + 10)), "done", 0, 0}
		gaps := scanRun{scanGaps, missed.StartedAt, missed.EndedAt, "done", 0, 0}
		if second == 2 {
			missed.Rows, missed.Enqueued = 2, 1
			gaps.Result, gaps.Rows = "found", 1
		}
		runs = append(runs, missed, gaps)
	}
	return sold, written, runs
}

func TestCompareScans(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		plant func(map[string]lacking, map[string]writtenOrder, []scanRun)
		want  func(*ScanSummary)
		bad   bool
	}{
		"nothing went wrong": {},
		"an order was overlooked": {
			plant: func(_ map[string]lacking, w map[string]writtenOrder, r []scanRun) {
				o := w["o-2"]
				o.ID, o.Notifications = "", 0
				w["o-2"], r[2].Enqueued = o, 0
			},
			want: func(s *ScanSummary) { s.Compensated, s.Overlooked = 0, 1 },
			bad:  true,
		},
		"it was not committed when the last run began": {
			plant: func(l map[string]lacking, w map[string]writtenOrder, r []scanRun) {
				o := w["o-2"]
				o.ID, o.Notifications = "", 0
				w["o-2"], r[2].Enqueued = o, 0
				l["o-2"] = lacking{at: r[6].StartedAt.Add(time.Millisecond)}
			},
			want: func(s *ScanSummary) { s.Compensated, s.TooYoung = 0, 2 },
		},
		"enqueued twice": {
			plant: func(_ map[string]lacking, w map[string]writtenOrder, _ []scanRun) {
				o := w["o-1"]
				o.Notifications = 2
				w["o-1"] = o
			},
			want: func(s *ScanSummary) { s.EnqueuedTwice = 1 },
			bad:  true,
		},
		"a run says that it enqueued more": {
			plant: func(_ map[string]lacking, _ map[string]writtenOrder, r []scanRun) { r[0].Enqueued = 1 },
			want:  func(s *ScanSummary) { s.Miscounted = 1 },
			bad:   true,
		},
		"a gap that was not counted": {
			plant: func(_ map[string]lacking, _ map[string]writtenOrder, r []scanRun) { r[3].Result, r[3].Rows = "done", 0 },
			want:  func(s *ScanSummary) { s.Gaps, s.Miscounted = 0, 1 },
			bad:   true,
		},
		"a gap that was none": {
			plant: func(_ map[string]lacking, _ map[string]writtenOrder, r []scanRun) {
				r[7].Result, r[7].Rows = "found", 1
			},
			want: func(s *ScanSummary) { s.Gaps, s.Miscounted = 2, 1 },
			bad:  true,
		},
		"gaps, and no alarm": {
			plant: func(_ map[string]lacking, _ map[string]writtenOrder, r []scanRun) { r[3].Result = "done" },
			want:  func(s *ScanSummary) { s.Miscounted = 1 },
			bad:   true,
		},
		"a run that failed": {
			plant: func(_ map[string]lacking, _ map[string]writtenOrder, r []scanRun) { r[0].Result = "failed" },
			want:  func(s *ScanSummary) { s.Runs, s.Failed = 7, 1 },
			bad:   true,
		},
		"a run that was skipped": {
			plant: func(_ map[string]lacking, _ map[string]writtenOrder, r []scanRun) { r[0].Result = "skipped" },
			want:  func(s *ScanSummary) { s.Runs, s.Skipped = 7, 1 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sold, written, runs := goodScans()
			want := ScanSummary{Forgotten: 2, Compensated: 1, TooYoung: 1, Gaps: 1, Runs: 8}
			if test.plant != nil {
				test.plant(sold, written, runs)
				test.want(&want)
			}
			got := compareScans(sold, written, runs)
			if test.bad == got.kept() || test.bad != (len(got.broken()) > 0) || (got.Overlooked+got.EnqueuedTwice > 0) != (len(got.BadOrders) > 0) {
				t.Errorf("kept: %t, %q, %q", got.kept(), got.broken(), got.BadOrders)
			}
			got.BadOrders = nil
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What a scan wrote for an order is the order's notification; without one it is counted.
func TestComplete(t *testing.T) {
	t.Parallel()
	orders, without := complete(
		[]order{{no: "o-1", id: "n-1"}, {no: "o-2"}, {no: "o-3"}, {no: "o-4", fate: rolledBack}},
		map[string]writtenOrder{"o-2": {ID: "n-2", Notifications: 1}, "o-3": {}})
	if without != 1 || len(orders) != 3 || orders[1].id != "n-2" || orders[2].fate != rolledBack {
		t.Errorf("%+v, and %d without", orders, without)
	}
}
