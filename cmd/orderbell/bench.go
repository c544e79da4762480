package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/bench"
	"github.com/orderbell/orderbell/internal/bench/merchant"
)

func benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "bench [--json] [--only LIST] [--rounds N] [--database URL] [--quick]", Short: "Measure this machine",
		Long: `Measures this machine: how fast a worker delivers, how soon after an order's
commit, and what that costs. Every figure stands beside a yardstick of the same run.
It takes a quarter of an hour, and wants the machine for itself; --quick takes less
than a minute.

It starts a Postgres of its own (fsync and synchronous_commit on, shared_buffers
512MB, max_wal_size 8GB), or uses the server of --database: there it makes databases
named orderbell_bench_..., touches nothing else, and drops them at the end, also when
it is interrupted. ORDERBELL_DATABASE_URL is not looked at.

A target that is missed does not change the exit status.`,
		DisableFlagsInUseLine: true, Args: exactly(0),
	}
	var o bench.Options
	cmd.Flags().StringSliceVar(&o.Only, "only", nil, "the measures to take, a `LIST` with commas of: "+strings.Join(bench.Names(), ", "))
	cmd.Flags().IntVar(&o.Rounds, "rounds", 0, "take each measure `N` times (default: as each has it)")
	cmd.Flags().StringVar(&o.DatabaseURL, "database", "", "`URL` of a server to measure on, where a database of its own is made and dropped (default: a private Postgres)")
	cmd.Flags().BoolVar(&o.Quick, "quick", false, "a first look in less than a minute, with rough figures")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o.Version, o.Err = programVersion(), cmd.ErrOrStderr()
		return runBench(cmd, o, *asJSON)
	}
	cmd.AddCommand(benchMerchantCommand())
	return cmd
}

// benchMerchantCommand is the bench's other process; nobody else calls it.
func benchMerchantCommand() *cobra.Command {
	return &cobra.Command{
		Use: "merchant", Short: "The merchant of the bench", Hidden: true, Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return merchant.Serve(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}

func runBench(cmd *cobra.Command, o bench.Options, asJSON bool) error {
	if o.Rounds < 0 {
		return usagef("--rounds %d: at least 1", o.Rounds)
	}
	if err := o.Check(); err != nil {
		return usageError(err.Error())
	}
	own, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, to start it again: %w", err)
	}
	o.Program = []string{own}
	// The first signal stops it in order; a second one kills.
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	report, err := bench.Run(ctx, o)
	if len(report.Figures) == 0 {
		return err
	}
	return errors.Join(printReport(cmd, report, asJSON), err)
}

func printReport(cmd *cobra.Command, report bench.Report, asJSON bool) error {
	if asJSON {
		return printJSON(cmd.OutOrStdout(), report)
	}
	if err := printTable(cmd.OutOrStdout(), report.Table()); err != nil {
		return err
	}
	for _, line := range report.Legend() {
		if err := printLine(cmd.OutOrStdout(), "%s", line); err != nil {
			return err
		}
	}
	return nil
}
