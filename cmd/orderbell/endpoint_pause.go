package main

import (
	"github.com/spf13/cobra"
)

func endpointPauseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "pause [--config FILE] [--reason R] ID", Short: "Send nothing to an endpoint until it is resumed; keep its rows",
		Long: `Sends nothing to an endpoint until it is resumed. Requests in flight finish; rows are
kept where they are, and spend no rung. New ones can be written as always.

Running workers obey at once, or within two seconds where the bell cannot be heard.`,
		DisableFlagsInUseLine: true, Args: exactly(1),
	}
	file := configFlag(cmd)
	reason := cmd.Flags().String("reason", "", "why, for people to read: `R`")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		db, err := openDatabase(cmd, *file)
		if err != nil {
			return err
		}
		defer db.Close()
		if err := db.Pause(cmd.Context(), args[0], *reason); err != nil {
			return explained(err)
		}
		return printLine(cmd.OutOrStdout(), "endpoint %s is paused: its rows are kept until orderbell endpoint resume", shown(args[0]))
	}
	return cmd
}

func endpointResumeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "resume [--config FILE] ID", Short: "Go on sending to an endpoint, and close its breaker",
		DisableFlagsInUseLine: true, Args: exactly(1),
	}
	file := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		db, err := openDatabase(cmd, *file)
		if err != nil {
			return err
		}
		defer db.Close()
		if err := db.Resume(cmd.Context(), args[0]); err != nil {
			return explained(err)
		}
		return printLine(cmd.OutOrStdout(), "endpoint %s goes on: what is due will be sent", shown(args[0]))
	}
	return cmd
}
