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
		Long: `Runs a Postgres of its own, a worker, and what a business does with Orderbell, and compares at
the end what was promised with what came. The scenes:

  notify    merchants are told of payments, and some of them fail
  push      orders are pushed to partners once they are complete, in order; one partner is down
  question  payment channels are asked what became of a trade; a hook pays or closes the order
  close     orders that are unpaid are closed, while payments race
  scan      a scan finds the orders whose notification was forgotten; another one counts gaps
  all       these at once; this is the default
  shop      the shop and the merchants of notify alone, beside a worker of yours, on the
            database of ORDERBELL_DATABASE_URL

It fails where a promise was broken.`,
		DisableFlagsInUseLine: true, Args: exactly(0),
	}
	length := cmd.Flags().Duration("for", 30*time.Second, "how long it runs")
	scene := cmd.Flags().String("scene", "all", "the `NAME` of what runs: notify, push, question, close, scan, all or shop")
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
		return errors.New("the demo has found a promise that was broken: the summary says which")
	}
	return nil
}
