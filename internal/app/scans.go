package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/janitor"
	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/postgres"
)

// CheckScans says what is wrong with the schedules of scans.
func CheckScans(scans []config.Scan) []config.Problem {
	_, problems := planned(scans)
	return problems
}

// planned reads the schedules; those that are missing are the configuration's affair.
func planned(scans []config.Scan) (list []janitor.Scan, problems []config.Problem) {
	for _, s := range scans {
		if s.Schedule == "" {
			continue
		}
		schedule, err := janitor.ParseSchedule(s.Schedule)
		if err != nil {
			problem := s.Place
			problem.Text = "\"" + s.Schedule + "\" " + err.Error()
			problems = append(problems, problem)
			continue
		}
		list = append(list, janitor.Scan{Scan: scanOf(s), Schedule: schedule})
	}
	return list, problems
}

func scanOf(s config.Scan) outbox.Scan {
	scan := outbox.Scan{Name: s.Name, Kind: outbox.ScanKind(s.Kind), Query: s.Query, Timeout: s.Timeout}
	if s.Function != "" {
		scan.Query, scan.Counts = "select * from "+s.Function+"()", s.Kind == config.KindRun
	}
	return scan
}

// keepScans runs scans until ctx ends. Runs that go on then may end as requests in flight
// may: until the worker's timeout, or until hurry is closed.
func keepScans(ctx context.Context, hurry <-chan struct{}, db *postgres.DB, list []janitor.Scan, timeout time.Duration, log *slog.Logger) {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() {
		defer stop()
		select {
		case <-time.After(timeout):
		case <-hurry:
		case <-running.Done():
		}
	})()
	janitor.RunScans(ctx, running, db, list, janitor.ScanOptions{Log: log})
}

// RunScan runs a scan now, whatever its schedule says, and records it. The error is that it
// could not be recorded; how it went is in the report.
func RunScan(ctx context.Context, db *postgres.DB, s config.Scan, dryRun bool) (outbox.ScanReport, error) {
	scan := scanOf(s)
	id, err := db.ClaimByHand(ctx, scan, dryRun)
	if err != nil {
		return outbox.ScanReport{}, err
	}
	return db.RunScan(ctx, id, scan, dryRun)
}

// ScanRow is a scan as `orderbell scan list` shows it.
type ScanRow struct {
	Scan     string     `json:"scan"`
	Kind     string     `json:"kind"`
	Schedule string     `json:"schedule"`
	NextTick *time.Time `json:"next_tick"` // null where none comes in five years
	postgres.ScanHealth
}

// ListScans returns the configured scans, in their order, and how they went.
func ListScans(ctx context.Context, db *postgres.DB, scans []config.Scan) ([]ScanRow, error) {
	list, problems := planned(scans)
	if len(problems) > 0 {
		return nil, &config.Error{Problems: problems}
	}
	health, err := db.ScanHealth(ctx)
	if err != nil {
		return nil, err
	}
	now, err := db.Clock(ctx)
	if err != nil {
		return nil, err
	}
	rows := make([]ScanRow, len(list))
	for i, s := range list {
		rows[i] = ScanRow{Scan: s.Name, Kind: string(s.Kind), Schedule: scans[i].Schedule, ScanHealth: health[s.Name]}
		if next := s.Schedule.Next(now); !next.IsZero() {
			rows[i].NextTick = &next
		}
	}
	return rows, nil
}
