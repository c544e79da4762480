package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/demo"
)

// sceneShop is the shop and the merchants alone, beside a worker of your own.
const sceneShop = "shop"

func demoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "demo [--for 30s] [--json] [--scene NAME]", Short: "Run everything at once: a Postgres, a shop, merchants that fail, a worker",
		DisableFlagsInUseLine: true, Args: exactly(0),
	}
	length := cmd.Flags().Duration("for", 30*time.Second, "how long it runs")
	scene := cmd.Flags().String("scene", "", "the `NAME` of what runs: "+sceneShop+", the shop and the merchants alone, on the database of ORDERBELL_DATABASE_URL (default: everything, on a Postgres of its own)")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *length <= 0 {
			return usagef("--for %s: the time must be above 0", *length)
		}
		return runDemo(cmd, demo.Options{
			For: *length, Scene: *scene, JSON: *asJSON, Version: programVersion(),
			Out: cmd.OutOrStdout(), Err: cmd.ErrOrStderr(),
		})
	}
	return cmd
}

func runDemo(cmd *cobra.Command, o demo.Options) error {
	if o.Scene == sceneShop {
		c, err := loadWithDatabase(cmd, "")
		if err != nil {
			return err
		}
		o.DatabaseURL = c.Database.URL
	}
	// The first signal ends the demo early; it then counts up. A second one kills.
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	summary, err := demo.Run(ctx, o)
	if err != nil {
		return err
	}
	if !summary.OK() {
		return errors.New("the demo has found a notification that was lost, or sent for an order that was rolled back")
	}
	return nil
}
