package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/app"
)

func workCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "work [--config FILE] [--paused] [--private-database]", Short: "Deliver what is due, until told to stop",
		Long: `Delivers what is due, until told to stop. SIGTERM or SIGINT lets the requests
in flight finish; a second one hands them back, and a third ends the process at once.
Any number of workers may run on one database.

With --paused it connects, and sends nothing: for a database that was restored from
a backup of the whole cluster, until it is known what has been sent since.`,
		DisableFlagsInUseLine: true, Args: exactly(0),
	}
	file := configFlag(cmd)
	paused := cmd.Flags().Bool("paused", false, "send nothing")
	private := cmd.Flags().Bool("private-database", false, "start a Postgres of its own, and remove it at the end")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		collectLess()
		if *private {
			return workPrivately(cmd, *file, *paused)
		}
		c, err := loadWithDatabase(cmd, *file)
		if err != nil {
			return err
		}
		c.Worker.Paused = *paused
		log := app.NewLog(cmd.ErrOrStderr(), c.Log)
		ctx, hurry, release := onSignals(cmd.Context(), log)
		defer release()
		return stopped(ctx, app.Work(ctx, hurry, c, programVersion(), log))
	}
	return cmd
}

// stopped drops the error of something that ended because it was told to.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
