package janitor_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/janitor"
	"github.com/orderbell/orderbell/internal/outbox"
)

// book is what a fleet agrees in, with the clock of the test's bubble.
type book struct {
	mu      sync.Mutex
	ahead   time.Duration // of the workers' own clocks
	away    bool          // the database
	claimed []time.Time
	ran     []time.Time
	busy    int
	takes   time.Duration // a run
	report  outbox.ScanReport
	buried  []string
	burials int
}

var errAway = errors.New("the database is away")

func (b *book) now() time.Time { return time.Now().Add(b.ahead).UTC() }

func (b *book) LastTick(context.Context, string) (last, now time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return last, now, errAway
	}
	for _, tick := range b.claimed {
		if tick.After(last) {
			last = tick
		}
	}
	return last, b.now(), nil
}

func (b *book) ClaimTick(_ context.Context, _ outbox.Scan, tick time.Time) (int64, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return 0, false, errAway
	}
	if slices.Contains(b.claimed, tick) {
		return 0, false, nil
	}
	b.claimed = append(b.claimed, tick)
	return int64(len(b.claimed) - 1), true, nil
}

func (b *book) RunScan(ctx context.Context, id int64, _ outbox.Scan, _ bool) (outbox.ScanReport, error) {
	b.mu.Lock()
	if b.busy > 0 {
		b.mu.Unlock()
		return outbox.ScanReport{Result: outbox.ScanSkipped, Error: "the run before was still going on"}, nil
	}
	b.busy++
	b.ran = append(b.ran, b.claimed[id])
	takes, report := b.takes, b.report
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.busy--
	}()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return outbox.ScanReport{Result: outbox.ScanFailed, Error: "it was stopped"}, nil
	}
	return report, nil
}

func (b *book) BuryScans(context.Context) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.burials++
	buried := b.buried
	b.buried = nil
	return buried, nil
}

func planned(t *testing.T, name, schedule string) janitor.Scan {
	t.Helper()
	s, err := janitor.ParseSchedule(schedule)
	if err != nil {
		t.Fatal(err)
	}
	return janitor.Scan{Scan: outbox.Scan{Name: name}, Schedule: s}
}

// keep has workers run a schedule for a time, and returns what they logged.
func (b *book) keep(t *testing.T, workers int, schedule string, during time.Duration) string {
	t.Helper()
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "took" {
			return slog.Attr{}
		}
		return a
	}}))
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			janitor.RunScans(ctx, t.Context(), b, []janitor.Scan{planned(t, "nightly", schedule)}, janitor.ScanOptions{Log: log})
		})
	}
	all.Wait()
	return out.String()
}

func (b *book) hasRun(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, tick := range b.ran {
		got = append(got, tick.Format("02 15:04:05"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ticks that ran (-want +got):\n%s", diff)
	}
}

// The bubble's clock begins at midnight, on the first of January 2000.
func midnight(day int) time.Time { return time.Date(2000, 1, day, 0, 0, 0, 0, time.UTC) }
