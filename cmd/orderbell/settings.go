package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/postgres"
)

// configFlag gives a command the flag --config, and returns where its value is.
func configFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("config", "", "configuration `FILE`; without it: the environment and the defaults")
}

// jsonFlag gives a command the flag --json.
func jsonFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("json", false, "print one JSON object")
}

// load reads the configuration and prints its warnings.
func load(cmd *cobra.Command, file string) (*config.Config, error) {
	c, warnings, err := config.Load(file, os.Environ())
	for _, warning := range warnings {
		say(cmd, "%s", problemLine(warning, "orderbell: warning: "))
	}
	if err != nil {
		return nil, err
	}
	if c.Database.URL != "" {
		err = readable(cmd.Context(), c)
	}
	return c, err
}

// loadWithDatabase is load for commands that need database.url.
func loadWithDatabase(cmd *cobra.Command, file string) (*config.Config, error) {
	c, err := load(cmd, file)
	if err != nil {
		return nil, err
	}
	return c, c.RequireDatabase()
}

// readable returns a *config.Error where a URL is not one that pgx can read.
func readable(ctx context.Context, c *config.Config) error {
	var problems []config.Problem
	for _, address := range []struct{ key, url string }{
		{"database.url", c.Database.URL}, {"database.listen_url", c.Database.ListenURL},
	} {
		db, err := postgres.Open(ctx, address.url, c.Worker.Name) // connects to nothing yet
		if err != nil {
			problems = append(problems, config.Problem{Key: address.key, Text: err.Error()})
			continue
		}
		db.Close()
	}
	if len(problems) > 1 && c.Database.URL == c.Database.ListenURL {
		problems = problems[:1]
	}
	if len(problems) > 0 {
		return &config.Error{Problems: problems}
	}
	return nil
}

// openDatabase opens the configured database and checks its schema.
func openDatabase(cmd *cobra.Command, file string) (*postgres.DB, error) {
	c, err := loadWithDatabase(cmd, file)
	if err != nil {
		return nil, err
	}
	db, err := postgres.Open(cmd.Context(), c.Database.URL, cmd.Name())
	if err != nil {
		return nil, err
	}
	if err := db.CheckSchema(cmd.Context()); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}
