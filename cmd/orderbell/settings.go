package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

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
	var wrong *config.Error
	if errors.As(err, &wrong) {
		return nil, &config.Error{Problems: append(wrong.Problems, unreadableInEnvironment(cmd.Context())...)}
	}
	if err != nil {
		return nil, err
	}
	if problems := unreadable(cmd.Context(), c); len(problems) > 0 {
		return nil, &config.Error{Problems: problems}
	}
	return c, nil
}

// loadWithDatabase is load for commands that need database.url.
func loadWithDatabase(cmd *cobra.Command, file string) (*config.Config, error) {
	c, err := load(cmd, file)
	if err != nil {
		return nil, err
	}
	return c, c.RequireDatabase()
}

// unreadable says which of the URLs that are set are none that pgx can read.
func unreadable(ctx context.Context, c *config.Config) []config.Problem {
	var problems []config.Problem
	for _, address := range []struct{ key, url string }{
		{"database.url", c.Database.URL}, {"database.listen_url", c.Database.ListenURL},
	} {
		if address.url == "" || len(problems) > 0 && c.Database.URL == c.Database.ListenURL {
			continue
		}
		db, err := postgres.Open(ctx, address.url, c.Worker.Name) // connects to nothing yet
		if err != nil {
			problems = append(problems, config.Problem{Key: address.key, Text: err.Error()})
			continue
		}
		db.Close()
	}
	return problems
}

// unreadableInEnvironment looks at the URLs alone, where the whole was refused for
// other reasons: whoever mends it should do so once.
func unreadableInEnvironment(ctx context.Context) []config.Problem {
	elsewhere := func(entry string) bool { return !strings.HasPrefix(entry, "ORDERBELL_DATABASE_") }
	c, _, err := config.Load("", slices.DeleteFunc(os.Environ(), elsewhere))
	if err != nil {
		return nil // told already
	}
	return unreadable(ctx, c)
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
