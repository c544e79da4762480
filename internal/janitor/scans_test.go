package janitor_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orderbell/orderbell/internal/janitor"
	"github.com/orderbell/orderbell/internal/outbox"
)

func TestSixtyTicksRunSixtyTimes(t *testing.T) {
	t.Parallel()
	for _, schedule := range []string{"* * * * * *", "@every 1s"} {
		synctest.Test(t, func(t *testing.T) {
			b := &book{takes: 300 * time.Millisecond}
			b.keep(t, 2, schedule, time.Minute+500*time.Millisecond)
			if len(b.ran) != 60 || b.ran[0] != midnight(1).Add(time.Second) || b.ran[59] != midnight(1).Add(time.Minute) {
				t.Errorf("%d ran: %v", len(b.ran), b.ran)
			}
		})
	}
}

// Workers whose own clocks go wrong ask for the time, and are neither early nor late.
func TestTicksGoByTheCommonClock(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-17 * time.Minute, 17 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			b := &book{ahead: ahead}
			b.keep(t, 2, "0 * * * *", time.Hour)
			if len(b.ran) != 1 {
				t.Fatalf("%d ran", len(b.ran))
			}
			if ran := b.ran[0]; ran.After(b.now()) || ran.Minute() != 0 {
				t.Errorf("%s ran, at the end it is %s", ran, b.now())
			}
		})
	}
}

func TestMissedTickIsMadeUpOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &book{claimed: []time.Time{midnight(-4).Add(3 * time.Hour)}} // six days ago
		time.Sleep(36 * time.Hour)                                        // at noon of the second
		b.keep(t, 3, "0 3 * * *", 20*time.Hour)
		b.hasRun(t, "02 03:00:00", "03 03:00:00")
	})
}

func TestScanThatNeverRanMakesNothingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		time.Sleep(36 * time.Hour)
		b.keep(t, 2, "0 3 * * *", 14*time.Hour)
		b.hasRun(t)
		b.keep(t, 2, "0 3 * * *", 2*time.Hour)
		b.hasRun(t, "03 03:00:00")
	})
}

// While the database is away nothing runs; then the last tick does, and it was said once.
func TestDatabaseIsAwayAtTheTick(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		set := func(away bool) { b.mu.Lock(); defer b.mu.Unlock(); b.away = away }
		go func() {
			time.Sleep(90 * time.Minute)
			set(true)
			time.Sleep(3 * time.Hour)
			set(false)
		}()
		said := b.keep(t, 1, "0 * * * *", 5*time.Hour+30*time.Minute)
		b.hasRun(t, "01 01:00:00", "01 04:00:00", "01 05:00:00")
		want := "level=ERROR msg=\"the scan waits; trying again\" scan=nightly error=\"the database is away\"\n" +
			"level=INFO msg=\"the scan works again\" scan=nightly\n"
		if said != want {
			t.Errorf("the log says:\n%s\nwant:\n%s", said, want)
		}
	})
}

// A tick that comes while a run goes on is not run afterwards.
func TestTickDuringARunIsSkipped(t *testing.T) {
	t.Parallel()
	for workers := 1; workers <= 2; workers++ {
		synctest.Test(t, func(t *testing.T) {
			b := &book{takes: 150 * time.Second}
			said := b.keep(t, workers, "* * * * *", 6*time.Minute+30*time.Second)
			b.hasRun(t, "01 00:01:00", "01 00:04:00")
			if len(b.claimed) != 6 || !strings.Contains(said, "the scan was skipped") {
				t.Errorf("claimed were %v, and the log says %s", b.claimed, said)
			}
		})
	}
}

func TestWhatIsSaidOfRuns(t *testing.T) {
	t.Parallel()
	three, one, null := int64(3), "A1", (*string)(nil)
	first := outbox.ScanReport{Rows: &three, Columns: []string{"order_no", "paid_at"}, First: [][]*string{{&one, null}, {&one, &one}}}
	found, enqueued := first, first
	found.Result, enqueued.Result, enqueued.Enqueued = outbox.ScanFound, outbox.ScanDone, &three
	for _, test := range []struct {
		report outbox.ScanReport
		times  int
		says   string
	}{
		{outbox.ScanReport{Result: outbox.ScanDone, Rows: &three}, 0, ""},
		{outbox.ScanReport{Result: outbox.ScanFailed, Error: "no such table"}, 1, `level=ERROR msg="the scan failed" scan=nightly error="no such table"`},
		{found, 3, `level=ERROR msg="the scan found gaps" scan=nightly gaps=3 first="order_no=A1 paid_at=NULL; order_no=A1 paid_at=A1"`},
		{enqueued, 3, `level=WARN msg="the scan enqueued what was missing" scan=nightly enqueued=3 first=`},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &book{report: test.report}
			said := b.keep(t, 1, "* * * * *", 3*time.Minute+time.Second)
			if len(b.ran) != 3 || strings.Count(said, "\n") != test.times || !strings.HasPrefix(said, test.says) {
				t.Errorf("after %d runs the log says %d times:\n%s\nwant %d times %s", len(b.ran), strings.Count(said, "\n"), said, test.times, test.says)
			}
		})
	}
}

// A worker that is told to stop takes no more ticks; its run goes on, as long as it may.
func TestRunsOutliveTheTicks(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		takes, may time.Duration
		says       string
	}{{90 * time.Second, 2 * time.Minute, ""}, {time.Hour, 2 * time.Minute, "it was stopped"}} {
		synctest.Test(t, func(t *testing.T) {
			b := &book{takes: test.takes}
			var out bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Second)
			defer cancel()
			running, end := context.WithTimeout(t.Context(), time.Minute+test.may)
			defer end()
			janitor.RunScans(ctx, running, b, []janitor.Scan{planned(t, "nightly", "* * * * *")}, janitor.ScanOptions{Log: slog.New(slog.NewTextHandler(&out, nil))})
			if took, want := time.Since(midnight(1)), time.Minute+min(test.takes, test.may); took != want || len(b.claimed) != 1 {
				t.Errorf("it took %s, want %s; claimed were %v", took, want, b.claimed)
			}
			if (out.Len() > 0) != (test.says != "") || !strings.Contains(out.String(), test.says) {
				t.Errorf("the log says %s, want %q", &out, test.says)
			}
		})
	}
}

func TestDeadWorkersRunsAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &book{buried: []string{"gaps on w-3, since then"}}
		said := b.keep(t, 1, "@yearly", 35*time.Second)
		if b.burials != 4 || strings.Count(said, "\n") != 1 || !strings.Contains(said, `run="gaps on w-3, since then"`) {
			t.Errorf("after %d looks the log says: %s", b.burials, said)
		}
	})
}
