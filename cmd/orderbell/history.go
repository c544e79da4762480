package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/postgres"
)

// told is a notification with its attempts, as --json prints it.
type told struct {
	ID string `json:"id"`
	postgres.Notification
	Attempts []postgres.Attempt `json:"attempts"`
}

func historyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "history [--config FILE] [--json] ORDER_NO", Short: "Show what became of an order's notifications",
		DisableFlagsInUseLine: true, Args: exactly(1),
	}
	file, asJSON := configFlag(cmd), jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		db, err := openDatabase(cmd, *file)
		if err != nil {
			return err
		}
		defer db.Close()
		notifications, attempts, err := db.History(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		history := together(notifications, attempts)
		if err := printHistory(cmd.OutOrStdout(), *asJSON, args[0], history); err != nil {
			return err
		}
		if len(history) == 0 {
			return fmt.Errorf("no notification of order %s", shown(args[0]))
		}
		return nil
	}
	return cmd
}

func together(notifications []postgres.Notification, attempts map[outbox.ID][]postgres.Attempt) []told {
	history := make([]told, len(notifications))
	for i, n := range notifications {
		n.CreatedAt = n.CreatedAt.UTC()
		of := append([]postgres.Attempt{}, attempts[n.ID]...)
		for j := range of {
			of[j].StartedAt = of[j].StartedAt.UTC()
		}
		history[i] = told{outbox.FormatID(n.ID), n, of}
	}
	return history
}

func printHistory(to io.Writer, asJSON bool, orderNo string, history []told) error {
	if asJSON {
		return printJSON(to, struct {
			OrderNo       string `json:"order_no"`
			Notifications []told `json:"notifications"`
		}{orderNo, history})
	}
	for i, n := range history {
		if i > 0 {
			if err := printLine(to, ""); err != nil {
				return err
			}
		}
		if err := printNotification(to, n); err != nil {
			return err
		}
	}
	return nil
}

func printNotification(to io.Writer, n told) error {
	if err := printLine(to, "%s to %s, notification %s:\n%s", shown(n.Event), shown(n.Endpoint), n.ID, shown(n.Explanation)); err != nil {
		return err
	}
	if len(n.Attempts) == 0 {
		return nil
	}
	rows := [][]string{{"", "attempt", "started", "took", "outcome", "status", "error"}}
	for _, a := range n.Attempts {
		status := "-"
		if a.HTTPStatus != 0 {
			status = strconv.Itoa(a.HTTPStatus)
		}
		rows = append(rows, []string{
			"", strconv.Itoa(a.Attempt), instant(a.StartedAt), fmt.Sprintf("%.1f ms", a.DurationMs), a.Outcome, status, a.Error,
		})
	}
	return printTable(to, rows)
}
