package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/app"
)

func scanListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list [--config FILE] [--json]", Short: "Show the scans of the configuration, when they run next, and how they went",
		DisableFlagsInUseLine: true, Args: exactly(0),
	}
	file, asJSON := configFlag(cmd), jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, db, err := openConfigured(cmd, *file)
		if err != nil {
			return err
		}
		defer db.Close()
		scans, err := app.ListScans(cmd.Context(), db, c.Scans)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Scans []app.ScanRow `json:"scans"`
			}{append([]app.ScanRow{}, scans...)})
		}
		rows := [][]string{{"scan", "kind", "schedule", "next tick", "last run"}}
		for _, s := range scans {
			next := "never"
			if s.NextTick != nil {
				next = instant(*s.NextTick)
			}
			rows = append(rows, []string{s.Scan, s.Kind, s.Schedule, next, lastRun(s)})
		}
		return printTable(cmd.OutOrStdout(), rows)
	}
	return cmd
}

// lastRun says how a scan went, and whether it is under way.
func lastRun(s app.ScanRow) string {
	said := "none"
	if s.LastStartedAt != nil {
		said = s.LastResult + " at " + instant(*s.LastStartedAt)
		switch {
		case s.LastError != "":
			said += ": " + s.LastError
		case s.LastEnqueued != nil:
			said += fmt.Sprintf(": %d of %s enqueued", *s.LastEnqueued, counted(*s.LastRows, "row", "rows"))
		case s.LastRows != nil && s.Gaps != nil:
			said += ": " + counted(*s.LastRows, "gap", "gaps")
		case s.LastRows != nil:
			said += ": " + counted(*s.LastRows, "row", "rows")
		}
	}
	if s.RunningSince != nil {
		said += "; running since " + instant(*s.RunningSince) + " on " + s.RunningOn
	}
	return said
}
