package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbell/orderbell/internal/outbox"
)

// errBuried: it was taken for dead before it had begun.
var errBuried = errors.New("it began so late that it was taken for dead")

// RunScan makes the run that was claimed under an id, and records it. The error is that it
// could not be recorded; how the run went is in the report.
//
// What a run did and the record of it are one transaction. Where that is lost, nothing
// was done, and that is what is recorded.
func (db *DB) RunScan(ctx context.Context, id int64, scan outbox.Scan, dryRun bool) (outbox.ScanReport, error) {
	start := time.Now()
	report, err := db.scanInSession(ctx, id, scan, dryRun)
	if err == nil {
		return report, nil
	}
	report = outbox.ScanReport{Result: outbox.ScanFailed, Error: scanFault(ctx, err, scan, time.Since(start)), Took: time.Since(start)}
	if errors.Is(err, errBuried) {
		return report, nil
	}
	return report, finishScan(context.WithoutCancel(ctx), db.reads, id, report)
}

// scanInSession runs a scan in a session of its own: no setting, temporary table or lock of
// one run reaches the next, nor another statement of the worker.
func (db *DB) scanInSession(ctx context.Context, id int64, scan outbox.Scan, dryRun bool) (report outbox.ScanReport, err error) {
	conn, err := db.connectForScan(ctx)
	if err != nil {
		return report, err
	}
	lasting := context.WithoutCancel(ctx) // what follows a run that was stopped
	defer func() {
		closing, cancel := context.WithTimeout(lasting, time.Second)
		defer cancel()
		_ = conn.Close(closing) // the server gives up what is left
	}()
	if _, err := conn.Exec(ctx, "/* orderbell:scan */ begin"); err != nil {
		return report, err
	}
	began, err := query[struct{ Free bool }](ctx, conn, "begin a run", sqlScanBegin, pgx.StrictNamedArgs{"id": id})
	switch {
	case err != nil:
		return report, err
	case len(began) == 0:
		return report, errBuried
	case !began[0].Free:
		report = outbox.ScanReport{Result: outbox.ScanSkipped, Error: "the run before was still going on"}
	default:
		if report, err = scanOnce(ctx, conn, scan, dryRun); err != nil {
			return report, err
		}
	}
	if err := finishScan(lasting, conn, id, report); err != nil {
		return report, err
	}
	committing, cancel := context.WithTimeout(lasting, patience)
	defer cancel()
	_, err = conn.Exec(committing, "/* orderbell:scan */ commit")
	return report, err
}

// connectForScan opens a session that is set as the database, or the user, or the URL sets
// it, but for what a run relies on. A stopped run is cancelled, and its session lives on.
func (db *DB) connectForScan(ctx context.Context) (*pgx.Conn, error) {
	pooled, err := pgxpool.ParseConfig(db.reads.Config().ConnString())
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", withoutPassword(err))
	}
	config := pooled.ConnConfig
	given := maps.Clone(config.RuntimeParams)
	pin(config, db.worker)
	for _, theirs := range []string{"search_path", "TimeZone", "plan_cache_mode", "jit", "lock_timeout"} {
		delete(config.RuntimeParams, theirs)
		if value, set := given[theirs]; set {
			config.RuntimeParams[theirs] = value
		}
	}
	reach(config, db.silent)
	writable(config)
	conn, err := pgx.ConnectConfig(ctx, forLocking(config))
	if err != nil {
		return nil, &failure{"connect", err}
	}
	if err := db.checkHome(ctx, conn); err != nil {
		_ = conn.Close(ctx)
		return nil, err
	}
	return conn, nil
}

func finishScan(ctx context.Context, q querier, id int64, r outbox.ScanReport) error {
	details, err := detailsOf(r)
	if err != nil {
		return err
	}
	_, err = query[struct{ ID int64 }](ctx, q, "record a run", sqlScanFinish, pgx.StrictNamedArgs{
		"id": id, "result": r.Result, "rows": r.Rows, "enqueued": r.Enqueued, "error": storable(r.Error), "details": details,
	})
	return err
}

// detailsOf makes JSON of the first few rows: an object for each, or nil.
func detailsOf(r outbox.ScanReport) ([]byte, error) {
	if len(r.First) == 0 {
		return nil, nil
	}
	rows := make([]map[string]*string, len(r.First))
	for i, values := range r.First {
		rows[i] = make(map[string]*string, len(values))
		for j, value := range values {
			rows[i][r.Columns[j]] = value
		}
	}
	details, err := json.Marshal(rows)
	if err != nil {
		return nil, fmt.Errorf("write rows as JSON: %w", err)
	}
	return details, nil
}
