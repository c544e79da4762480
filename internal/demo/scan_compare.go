package demo

import (
	"fmt"
	"maps"
	"slices"
)

// ScanSummary is what came of the scene scan.
type ScanSummary struct {
	Figures
	// Forgotten are the orders that the shop wrote without a notification, Compensated
	// those that a scan has found, and TooYoung those that no run could have found yet.
	Forgotten   int `json:"forgotten"`
	Compensated int `json:"compensated"`
	TooYoung    int `json:"too_young"`
	// Gaps are the rows that the scan which expects nothing has found.
	Gaps int `json:"gaps"`
	// Runs are those of both scans that went through to their end; Skipped those that the
	// run before stood in the way of.
	Runs    int `json:"runs"`
	Skipped int `json:"skipped_runs"`
	// Overlooked are orders that a run should have found and did not; EnqueuedTwice those
	// with more than one notification; Miscounted the runs whose record does not fit what
	// was there; Failed those that failed. All are 0, or a promise was broken.
	Overlooked    int  `json:"overlooked"`
	EnqueuedTwice int  `json:"enqueued_twice"`
	Miscounted    int  `json:"miscounted_runs"`
	Failed        int  `json:"failed_runs"`
	OK            bool `json:"ok"`

	// BadOrders name the first of what is wrong, if anything is.
	BadOrders []string `json:"bad_orders,omitempty"`
}

func (s ScanSummary) kept() bool {
	return s.Overlooked == 0 && s.EnqueuedTwice == 0 && s.Miscounted == 0 && s.Failed == 0
}

func (s ScanSummary) broken() []string {
	if s.kept() {
		return nil
	}
	return []string{fmt.Sprintf("%d orders overlooked, %d enqueued twice, %d runs that counted wrong, %d that failed%s",
		s.Overlooked, s.EnqueuedTwice, s.Miscounted, s.Failed, named(s.BadOrders))}
}

// compareScans holds the shop's log of what it forgot against what the database has of
// the orders, and against the records of the runs. It is pure; the figures that all scenes
// have are not in it.
func compareScans(sold map[string]lacking, written map[string]writtenOrder, runs []scanRun) ScanSummary {
	var s ScanSummary
	for _, no := range slices.Sorted(maps.Keys(written)) {
		o := written[no]
		lacks, forgotten := sold[no]
		bad := o.Notifications > 1
		if bad {
			s.EnqueuedTwice++
		}
		if forgotten && !lacks.hopeless {
			s.Forgotten++
			switch {
			case o.Notifications > 0:
				s.Compensated++
			case overlooked(o, lacks, runs):
				s.Overlooked++
				bad = true
			default:
				s.TooYoung++
			}
		}
		if bad {
			s.BadOrders = firstOf(append(s.BadOrders, no))
		}
	}
	s.judgeRuns(sold, written, runs)
	return s
}

// overlooked: a whole run began when the order had been committed, and was old enough.
func overlooked(o writtenOrder, lacks lacking, runs []scanRun) bool {
	return slices.ContainsFunc(runs, func(r scanRun) bool {
		return r.Scan == scanMissed && r.Result == "done" && r.StartedAt.After(lacks.at) && r.StartedAt.After(o.CreatedAt.Add(scanGrace))
	})
}

func (s *ScanSummary) judgeRuns(sold map[string]lacking, written map[string]writtenOrder, runs []scanRun) {
	enqueued := 0
	for _, r := range runs {
		switch r.Result {
		case "skipped":
			s.Skipped++
			continue
		case "failed":
			s.Failed++
			continue
		}
		s.Runs++
		enqueued += r.Enqueued
		if r.Scan != scanGaps {
			continue
		}
		s.Gaps += r.Rows
		least, most := gapsOf(r, sold, written)
		if r.Rows < least || r.Rows > most || (r.Result == "found") != (r.Rows > 0) {
			s.Miscounted++
		}
	}
	if enqueued != s.Compensated {
		s.Miscounted++
	}
}

// gapsOf is how many gaps a run must have found, and may have: it looked at some time
// between its beginning and its end.
func gapsOf(r scanRun, sold map[string]lacking, written map[string]writtenOrder) (least, most int) {
	for no, lacks := range sold {
		o, ok := written[no]
		if !ok || !lacks.hopeless {
			continue
		}
		oldest, youngest := o.CreatedAt.Add(gapTo), o.CreatedAt.Add(gapFrom)
		if !lacks.at.After(r.StartedAt) && !youngest.After(r.StartedAt) && !oldest.Before(r.EndedAt) {
			least++
		}
		if !youngest.After(r.EndedAt) && !oldest.Before(r.StartedAt) {
			most++
		}
	}
	return least, most
}
