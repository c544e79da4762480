package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/postgres"
)

// longOverdue is what no working worker leaves behind, in seconds.
const longOverdue = 60

func statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status [--config FILE] [--json]", Short: "Show the backlog; status 1 when something is wrong with it",
		DisableFlagsInUseLine: true, Args: exactly(0),
	}
	file, asJSON := configFlag(cmd), jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		db, err := openDatabase(cmd, *file)
		if err != nil {
			return err
		}
		defer db.Close()
		backlog, err := db.Backlog(cmd.Context())
		if err != nil {
			return err
		}
		problems, err := foreign(db.Home(cmd.Context()))
		if err != nil {
			return err
		}
		problems = append(problems, problemsOf(backlog)...)
		if err := printBacklog(cmd, *asJSON, backlog, problems); err != nil {
			return err
		}
		if len(problems) > 0 {
			return problems
		}
		return nil
	}
	return cmd
}

// foreign makes a finding of a database that is a copy.
func foreign(err error) (findings, error) {
	var copied *postgres.ForeignError
	if errors.As(err, &copied) {
		return findings{copied.Error() + "; " + copied.Remedy()}, nil
	}
	return findings{}, err
}

func problemsOf(b postgres.Backlog) findings {
	problems := findings{}
	if b.Parked > 0 {
		problems = append(problems, fmt.Sprintf(
			"%s from being sent; explanation in orderbell.notification_status says what",
			counted(b.Parked, "notification is parked: something on our side keeps it", "notifications are parked: something on our side keeps them")))
	}
	if b.FailingHooks > 0 {
		problems = append(problems, fmt.Sprintf(
			"%s; explanation in orderbell.notification_status says why",
			counted(b.FailingHooks, "notification has come to its end, but its hook fails", "notifications have come to their end, but their hook fails")))
	}
	if b.OldestOverdueSeconds > longOverdue {
		problems = append(problems, fmt.Sprintf(
			"%s, the oldest for %.0f s: is a worker running, and does it keep up?",
			counted(b.DueNow, "notification is due", "notifications are due"), b.OldestOverdueSeconds))
	}
	return problems
}

func printBacklog(cmd *cobra.Command, asJSON bool, b postgres.Backlog, problems findings) error {
	if asJSON {
		return printJSON(cmd.OutOrStdout(), struct {
			postgres.Backlog
			Problems []string `json:"problems"`
		}{b, problems})
	}
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	return printTable(cmd.OutOrStdout(), [][]string{
		{"due now", count(b.DueNow)},
		{"oldest overdue", fmt.Sprintf("%.1f s", b.OldestOverdueSeconds)},
		{"in flight", count(b.InFlight)},
		{"waiting", count(b.Waiting)},
		{"held", count(b.Held)},
		{"parked", count(b.Parked)},
		{"paused", count(b.Paused)},
		{"behind a breaker", count(b.BehindBreaker)},
		{"queued", count(b.Queued)},
		{"owing hooks", count(b.OwingHooks)},
	})
}
