package janitor

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	// longestWait is how often a scan asks for the time at least: clocks are set, and
	// machines are suspended.
	longestWait = time.Minute
	retry       = 2 * time.Second  // after the database could not be asked
	burial      = 10 * time.Second // between looks for runs of dead workers
)

// Scan is a scan and when it runs.
type Scan struct {
	outbox.Scan
	Schedule Schedule
}

// Scans is what the workers of a fleet agree in on who runs which tick.
type Scans interface {
	// LastTick returns the last tick of a scan that any worker took, the zero time where there
	// was none, and the time by a clock that all workers share.
	LastTick(ctx context.Context, scan string) (last, now time.Time, err error)
	// ClaimTick takes a tick. won is false where another worker has it.
	ClaimTick(ctx context.Context, scan outbox.Scan, tick time.Time) (id int64, won bool, err error)
	// RunScan makes the run that was claimed and records it; the error is that it could not.
	// While a run of the scan goes on it is skipped.
	RunScan(ctx context.Context, id int64, scan outbox.Scan, dryRun bool) (outbox.ScanReport, error)
	// BuryScans ends runs whose workers are gone, and names them.
	BuryScans(ctx context.Context) ([]string, error)
}

// ScanOptions say how scans are run.
type ScanOptions struct {
	Log *slog.Logger
	// Wait returns after a time, or earlier, when ctx ends at the latest. Nil: time.After.
	Wait func(ctx context.Context, d time.Duration)
}

// RunScans runs scans at their ticks until ctx ends. Runs that go on then have until
// running ends, which it must.
func RunScans(ctx, running context.Context, scans Scans, list []Scan, o ScanOptions) {
	if o.Wait == nil {
		o.Wait = wait
	}
	var all sync.WaitGroup
	defer all.Wait()
	for _, scan := range list {
		k := &keeper{scans: scans, scan: scan, log: o.Log.With("scan", scan.Name), running: running}
		all.Go(func() {
			for ctx.Err() == nil {
				o.Wait(ctx, k.look(ctx))
			}
			k.runs.Wait()
		})
	}
	all.Go(func() {
		for ctx.Err() == nil {
			bury(ctx, scans, o.Log)
			o.Wait(ctx, burial)
		}
	})
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// keeper runs one scan.
type keeper struct {
	scans   Scans
	scan    Scan
	log     *slog.Logger
	running context.Context // of the runs, which outlive a look
	began   time.Time       // when it was first looked for a tick, where none was ever taken
	runs    sync.WaitGroup

	mu   sync.Mutex
	said string // the trouble that was told last
}

// look runs the tick that is due, if any, and returns how long to wait for the next. Of
// several that were missed it is the last one.
func (k *keeper) look(ctx context.Context) time.Duration {
	last, now, err := k.scans.LastTick(ctx, k.scan.Name)
	if err == nil {
		if k.began.IsZero() {
			k.began = now
		}
		if last.IsZero() {
			last = k.began // what was never run anywhere has missed nothing
		}
		if tick, due := k.scan.Schedule.latest(last, now); due {
			err = k.take(ctx, tick)
		}
	}
	if err != nil {
		if ctx.Err() == nil {
			k.tell(slog.LevelError, "the scan waits; trying again", err.Error())
		}
		return retry
	}
	next := k.scan.Schedule.Next(later(last, now))
	if next.IsZero() {
		return longestWait
	}
	return min(next.Sub(now), longestWait)
}

// take runs a tick, unless another worker has it. The next one does not wait for it.
func (k *keeper) take(ctx context.Context, tick time.Time) error {
	id, won, err := k.scans.ClaimTick(ctx, k.scan.Scan, tick)
	if err != nil || !won {
		return err
	}
	k.runs.Go(func() {
		report, err := k.scans.RunScan(k.running, id, k.scan.Scan, false)
		k.report(report, err)
	})
	return nil
}

// report logs what somebody should know of a run; the rest is in orderbell.scan_run.
func (k *keeper) report(r outbox.ScanReport, err error) {
	log := k.log.With("took", r.Took.String())
	switch {
	case err != nil:
		k.tell(slog.LevelError, "the run could not be recorded: "+r.Error, err.Error())
		return
	case r.Result == outbox.ScanFailed:
		k.tell(slog.LevelError, "the scan failed", r.Error)
		return
	case r.Result == outbox.ScanSkipped:
		k.tell(slog.LevelWarn, "the scan was skipped", r.Error)
		return
	case r.Result == outbox.ScanFound:
		log.Error("the scan found gaps", "gaps", *r.Rows, "first", shown(r))
	case r.Enqueued != nil && *r.Enqueued > 0:
		log.Warn("the scan enqueued what was missing", "enqueued", *r.Enqueued, "first", shown(r))
	default:
		log.Debug("the scan has run")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.said != "" {
		k.said = ""
		k.log.Info("the scan works again")
	}
}

// tell logs trouble once, until it is another.
func (k *keeper) tell(level slog.Level, what, why string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.said != what+why {
		k.said = what + why
		k.log.Log(context.Background(), level, what, "error", why)
	}
}

// shown writes the first few rows on one line.
func shown(r outbox.ScanReport) string {
	rows := make([]string, len(r.First))
	for i, values := range r.First {
		cells := make([]string, len(values))
		for j, value := range values {
			cells[j] = r.Columns[j] + "=NULL"
			if value != nil {
				cells[j] = r.Columns[j] + "=" + *value
			}
		}
		rows[i] = strings.Join(cells, " ")
	}
	return strings.Join(rows, "; ")
}

func bury(ctx context.Context, scans Scans, log *slog.Logger) {
	buried, err := scans.BuryScans(ctx)
	if err != nil && ctx.Err() == nil {
		log.Debug("runs of dead workers could not be looked for; the next try is in 10 s", "error", err)
	}
	for _, run := range buried {
		log.Error("a run of a scan was not finished: its worker died, or lost the database", "run", run)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
