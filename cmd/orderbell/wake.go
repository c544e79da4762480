package main

import (
	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/postgres"
)

func wakeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "wake [--config FILE] bell|poll", Short: "Say whether commits wake sleeping workers, or workers look every second",
		Long: `Says how a worker that sleeps learns of a new row, for the whole database.

bell: the commit of an order wakes it, with NOTIFY, where one sleeps. The default.
poll: commits never notify, and workers look every second. For orders that use
PREPARE TRANSACTION, which NOTIFY forbids, or that run with a low lock_timeout.

Running workers go over within a second or two. Rows are neither lost nor sent twice.`,
		DisableFlagsInUseLine: true, Args: exactly(1),
	}
	file := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		means, err := meaning(cmd, args[0])
		if err != nil {
			return err
		}
		db, err := openDatabase(cmd, *file)
		if err != nil {
			return err
		}
		defer db.Close()
		changed, err := db.SetWake(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		done := map[bool]string{true: "wake is now", false: "wake was already"}[changed]
		return printLine(cmd.OutOrStdout(), "%s %s: %s", done, args[0], means)
	}
	return cmd
}

// meaning says what a way of waking means for the database's users.
func meaning(cmd *cobra.Command, wake string) (string, error) {
	switch wake {
	case postgres.WakeBell:
		return "a commit wakes a sleeping worker; orders must not use PREPARE TRANSACTION", nil
	case postgres.WakePoll:
		return "commits ring no bell; workers look every second", nil
	}
	return "", usagef("%q is neither bell nor poll; usage: %s", wake, cmd.UseLine())
}
