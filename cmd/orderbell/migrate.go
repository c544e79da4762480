package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/postgres"
)

func migrateUpCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "up [--config FILE]", Short: "Apply the migrations that are missing",
		DisableFlagsInUseLine: true, Args: exactly(0),
	}
	file := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return migrating(cmd, *file, func(ctx context.Context, m *postgres.Migrator) error {
			applied, err := m.Up(ctx)
			for _, name := range applied {
				err = errors.Join(err, printLine(cmd.OutOrStdout(), "applied %s", name))
			}
			if err == nil && len(applied) == 0 {
				err = printLine(cmd.OutOrStdout(), "nothing to do")
			}
			return err
		})
	}
	return cmd
}

func migrateDownCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "down [--config FILE] [--yes]", Short: "Undo the last migration",
		DisableFlagsInUseLine: true, Args: exactly(0),
	}
	file := configFlag(cmd)
	yes := cmd.Flags().Bool("yes", false, "also where that drops rows")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return migrating(cmd, *file, func(ctx context.Context, m *postgres.Migrator) error {
			undone, err := m.Down(ctx, *yes)
			var rows *postgres.RowsError
			switch {
			case errors.As(err, &rows):
				return fmt.Errorf("%w; nothing was done; if they may be lost: orderbell migrate down --yes", err)
			case err != nil:
				return err
			}
			return printLine(cmd.OutOrStdout(), "undone %s", undone)
		})
	}
	return cmd
}

func migrateStatusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status [--config FILE]", Short: "Show which migrations are applied",
		DisableFlagsInUseLine: true, Args: exactly(0),
	}
	file := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return migrating(cmd, *file, func(ctx context.Context, m *postgres.Migrator) error {
			migrations, err := m.Status(ctx)
			if err != nil {
				return err
			}
			rows := [][]string{{"migration", "applied"}}
			for _, migration := range migrations {
				applied := "not yet"
				if !migration.AppliedAt.IsZero() {
					applied = instant(migration.AppliedAt)
				}
				rows = append(rows, []string{migration.File, applied})
			}
			return printTable(cmd.OutOrStdout(), rows)
		})
	}
	return cmd
}

// migrating opens the configured database for migrations.
func migrating(cmd *cobra.Command, file string, do func(context.Context, *postgres.Migrator) error) error {
	c, err := loadWithDatabase(cmd, file)
	if err != nil {
		return err
	}
	m, err := postgres.NewMigrator(c.Database.URL)
	if err != nil {
		return err
	}
	return errors.Join(do(cmd.Context(), m), m.Close())
}
