package main

import (
	"github.com/spf13/cobra"
)

func adoptCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "adopt [--config FILE]", Short: "Let workers send from a database that is a copy of another",
		Long: `Lets workers send from a database that is a copy of another.

A database knows which one its notifications belong to. Where it is a copy, from a
dump or by CREATE DATABASE ... TEMPLATE, workers send nothing: they would tell every
merchant what the other one has told them, or will. This says that it shall be this
one from now on, and running workers go on within a second or two.`,
		DisableFlagsInUseLine: true, Args: exactly(0),
	}
	file := configFlag(cmd)
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
		here, before, err := db.Adopt(cmd.Context())
		if err != nil {
			return err
		}
		if here == before {
			return printLine(cmd.OutOrStdout(), "this database, %s, was at home already; nothing is changed", here)
		}
		return printLine(cmd.OutOrStdout(), "this database, %s, is at home now; %s", here,
			counted(backlog.DueNow, "notification is due and will be sent", "notifications are due and will be sent"))
	}
	return cmd
}
