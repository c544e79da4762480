package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/postgres"
)

func endpointProbeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "probe [--config FILE] [--json] ID", Short: "Test how an endpoint treats requests; status 1 when something is wrong",
		Long: `Tests how an endpoint treats requests, and prints a report that you can forward to its
merchant: whether it is reached over TLS, acknowledges a good request in time, refuses one
with a wrong signature, with none, or an old one, and acknowledges the same id again.

Up to six requests are sent from this machine, in the way of a worker. They are about no
order and have the header Orderbell-Probe: 1. A paused endpoint may be probed too. What
was found is kept in orderbell.probe.`,
		DisableFlagsInUseLine: true, Args: exactly(1),
	}
	file, asJSON := configFlag(cmd), jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, db, err := openConfigured(cmd, *file)
		if err != nil {
			return err
		}
		defer db.Close()
		if err := probeable(cmd.Context(), db, args[0]); err != nil {
			return err
		}
		report, err := app.Probe(cmd.Context(), c, db, programVersion(), args[0], app.NewLog(cmd.ErrOrStderr(), c.Log))
		if err != nil && len(report.Checks) == 0 {
			return explained(err)
		}
		for _, fault := range report.Aside {
			say(cmd, "orderbell: for you alone: %s", shown(fault))
		}
		show := func() error { return printLine(cmd.OutOrStdout(), "%s", strings.TrimSuffix(report.Text(), "\n")) }
		if *asJSON {
			show = func() error { return printJSON(cmd.OutOrStdout(), report) }
		}
		if err := show(); err != nil {
			return err
		}
		if err != nil {
			return explained(err)
		}
		if failures := report.Failures(); len(failures) > 0 {
			return findings{fmt.Sprintf("endpoint %s is not ready: %s", shown(args[0]), strings.Join(failures, ", "))}
		}
		return nil
	}
	return cmd
}

// probeable refuses an action. Whether the endpoint exists is asked by the probe itself.
func probeable(ctx context.Context, db *postgres.DB, id string) error {
	found, err := db.Endpoints(ctx, []string{id})
	if err != nil {
		return err
	}
	for _, e := range found {
		if strings.HasPrefix(e.URL, "sql:") {
			return fmt.Errorf("endpoint %s is an action, %s: no request is sent, so there is nothing to probe", shown(id), shown(e.URL))
		}
	}
	return nil
}
