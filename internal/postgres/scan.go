package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

// LastTick returns the last tick of a scan that any worker took, the zero time where there
// was none, and the time of the database.
func (db *DB) LastTick(ctx context.Context, scan string) (last, now time.Time, err error) {
	row, err := queryOne[struct {
		Last *time.Time
		Now  time.Time
	}](ctx, db.reads, "look for the last tick of "+scan, sqlScanLast, pgx.StrictNamedArgs{"scan": scan})
	if row.Last != nil {
		last = *row.Last
	}
	return last, row.Now, err
}

// ClaimTick takes a tick of a scan, and returns the id of the run that must follow; won is
// false where another worker has it.
func (db *DB) ClaimTick(ctx context.Context, scan outbox.Scan, tick time.Time) (id int64, won bool, err error) {
	return db.claimScan(ctx, scan, &tick, false)
}

// ClaimByHand is ClaimTick for a run that no schedule asks for.
func (db *DB) ClaimByHand(ctx context.Context, scan outbox.Scan, dryRun bool) (id int64, err error) {
	id, _, err = db.claimScan(ctx, scan, nil, dryRun)
	return id, err
}

func (db *DB) claimScan(ctx context.Context, scan outbox.Scan, tick *time.Time, dryRun bool) (int64, bool, error) {
	rows, err := query[struct{ ID int64 }](ctx, db.reads, "begin a run of the scan "+scan.Name, sqlScanClaim, pgx.StrictNamedArgs{
		"scan": scan.Name, "kind": scan.Kind, "tick": tick, "dry_run": dryRun, "worker": db.worker,
	})
	if err != nil || len(rows) == 0 {
		return 0, false, err
	}
	return rows[0].ID, true, nil
}

// BuryScans ends the runs whose workers are gone, and says of each which it was.
func (db *DB) BuryScans(ctx context.Context) ([]string, error) {
	rows, err := query[struct {
		Scan, Worker string
		StartedAt    time.Time
	}](ctx, db.reads, "look for runs of dead workers", sqlScanBury, pgx.StrictNamedArgs{})
	var buried []string
	for _, row := range rows {
		buried = append(buried, fmt.Sprintf("%s on %s, since %s", row.Scan, row.Worker, row.StartedAt.UTC().Format(time.RFC3339)))
	}
	return buried, err
}

// PruneScans deletes the runs that are older than 90 days, and returns how many.
func (db *DB) PruneScans(ctx context.Context) (int, error) {
	var pruned int
	if err := db.reads.QueryRow(ctx, sqlScanPrune.text).Scan(&pruned); err != nil {
		return 0, fmt.Errorf("delete old runs of scans: %w", err)
	}
	return pruned, nil
}

// ScanHealth is how a scan's last run went.
type ScanHealth struct {
	Scan          string     `json:"-"`
	LastStartedAt *time.Time `json:"last_started_at"`
	LastResult    string     `json:"last_result,omitempty"`
	LastRows      *int64     `json:"last_rows,omitempty"`
	LastEnqueued  *int64     `json:"last_enqueued,omitempty"`
	LastError     string     `json:"last_error,omitempty"`
	Gaps          *int64     `json:"gaps,omitempty"` // of the last run that went through
	RunningSince  *time.Time `json:"running_since,omitempty"`
	RunningOn     string     `json:"running_on,omitempty"`
}

// ScanHealth returns the scans that were ever run, by name.
func (db *DB) ScanHealth(ctx context.Context) (map[string]ScanHealth, error) {
	rows, err := query[ScanHealth](ctx, db.reads, "read how scans went", sqlScanHealth, pgx.StrictNamedArgs{})
	known := make(map[string]ScanHealth, len(rows))
	for _, row := range rows {
		known[row.Scan] = row
	}
	return known, err
}
