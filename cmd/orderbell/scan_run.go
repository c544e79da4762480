package main

import (
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/outbox"
)

func scanRunCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "run [--config FILE] [--dry-run] [--json] NAME", Short: "Run a scan now; status 1 when it finds gaps, or fails",
		Long: `Runs a scan of the configuration now, whatever its schedule says, and shows what it found.
It is recorded in orderbell.scan_run, and skipped while a worker runs the same scan.

With --dry-run all that it does is undone: it says what it would do.`,
		DisableFlagsInUseLine: true, Args: exactly(1),
	}
	file, asJSON := configFlag(cmd), jsonFlag(cmd)
	dryRun := cmd.Flags().Bool("dry-run", false, "undo what it does, and say what it would do")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := loadWithDatabase(cmd, *file)
		if err != nil {
			return err
		}
		scan, err := scanNamed(c, args[0])
		if err != nil {
			return err
		}
		db, err := openWith(cmd, c)
		if err != nil {
			return err
		}
		defer db.Close()
		ctx, release := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
		defer release()
		report, err := app.RunScan(ctx, db, scan, *dryRun)
		if err != nil {
			return err
		}
		if err := printScan(cmd, *asJSON, scan, *dryRun, report); err != nil {
			return err
		}
		return findingsOf(scan, report)
	}
	return cmd
}

// findingsOf is what makes the status 1.
func findingsOf(scan config.Scan, r outbox.ScanReport) error {
	switch r.Result {
	case outbox.ScanFound:
		return findings{fmt.Sprintf("scan %s found %s", scan.Name, counted(*r.Rows, "gap", "gaps"))}
	case outbox.ScanFailed:
		return findings{fmt.Sprintf("scan %s failed: %s", scan.Name, r.Error)}
	case outbox.ScanSkipped:
		return findings{fmt.Sprintf("scan %s was skipped: %s", scan.Name, r.Error)}
	case outbox.ScanDone:
	}
	return nil
}

// scanJSON is a run for programs, with the names that orderbell.scan_run has.
type scanJSON struct {
	Scan     string               `json:"scan"`
	Kind     string               `json:"kind"`
	DryRun   bool                 `json:"dry_run"`
	Result   outbox.ScanResult    `json:"result"`
	Rows     *int64               `json:"rows"`
	Enqueued *int64               `json:"enqueued"`
	Error    string               `json:"error,omitempty"`
	Details  []map[string]*string `json:"details"`
	TookMs   int64                `json:"took_ms"`
}

func printScan(cmd *cobra.Command, asJSON bool, scan config.Scan, dryRun bool, r outbox.ScanReport) error {
	if asJSON {
		details := make([]map[string]*string, len(r.First))
		for i, values := range r.First {
			details[i] = make(map[string]*string, len(values))
			for j, value := range values {
				details[i][r.Columns[j]] = value
			}
		}
		return printJSON(cmd.OutOrStdout(), scanJSON{
			Scan: scan.Name, Kind: scan.Kind, DryRun: dryRun, Result: r.Result, Rows: r.Rows, Enqueued: r.Enqueued,
			Error: r.Error, Details: details, TookMs: r.Took.Milliseconds(),
		})
	}
	if r.Rows == nil {
		return nil // what there is to say is an error
	}
	if err := printLine(cmd.OutOrStdout(), "%s", summaryOf(scan, dryRun, r)); err != nil || len(r.First) == 0 {
		return err
	}
	rows := [][]string{r.Columns}
	for _, values := range r.First {
		cells := make([]string, len(values))
		for i, value := range values {
			cells[i] = "NULL"
			if value != nil {
				cells[i] = *value
			}
		}
		rows = append(rows, cells)
	}
	if *r.Rows > int64(len(r.First)) && r.Enqueued == nil || r.Enqueued != nil && *r.Enqueued > int64(len(r.First)) {
		rows = append(rows, []string{"…"})
	}
	return printTable(cmd.OutOrStdout(), rows)
}

// summaryOf is a sentence on a run.
func summaryOf(scan config.Scan, dryRun bool, r outbox.ScanReport) string {
	took := r.Took.Round(time.Millisecond)
	switch {
	case scan.Kind == config.KindCompensate && dryRun:
		return fmt.Sprintf("%s: %d of %s would be enqueued, the others are there; nothing was changed (%s)",
			scan.Name, *r.Enqueued, counted(*r.Rows, "row", "rows"), took)
	case scan.Kind == config.KindCompensate:
		return fmt.Sprintf("%s: %d of %s enqueued, the others were there (%s)", scan.Name, *r.Enqueued, counted(*r.Rows, "row", "rows"), took)
	case scan.Kind == config.KindExpectNothing:
		return fmt.Sprintf("%s: %s (%s)", scan.Name, counted(*r.Rows, "gap", "gaps"), took)
	case dryRun:
		return fmt.Sprintf("%s: %s; all of it was undone (%s)", scan.Name, counted(*r.Rows, "row", "rows"), took)
	}
	return fmt.Sprintf("%s: %s (%s)", scan.Name, counted(*r.Rows, "row", "rows"), took)
}
