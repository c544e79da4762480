package main

import (
	"cmp"
	"context"
	"errors"
	"math"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/app"
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
	wrong := &config.Error{}
	switch {
	case err == nil:
		wrong.Database, wrong.Scans = c.Database, c.Scans
	case !errors.As(err, &wrong):
		return nil, err
	}
	for _, problem := range unreadable(cmd.Context(), wrong.Database) {
		refused := func(p config.Problem) bool { return p.Key == problem.Key && p.Source != "" }
		if !slices.ContainsFunc(wrong.Problems, refused) {
			wrong.Problems = append(wrong.Problems, problem)
		}
	}
	if schedules := app.CheckScans(wrong.Scans); len(schedules) > 0 {
		wrong.Problems = append(wrong.Problems, schedules...)
		slices.SortStableFunc(wrong.Problems, byPlace)
	}
	if len(wrong.Problems) > 0 {
		return nil, wrong
	}
	return c, nil
}

// byPlace puts problems of the file in its order, and leaves the others behind them.
func byPlace(a, b config.Problem) int {
	const last = math.MaxInt
	return cmp.Or(cmp.Compare(cmp.Or(a.Line, last), cmp.Or(b.Line, last)), cmp.Compare(a.Column, b.Column))
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
func unreadable(ctx context.Context, d config.Database) []config.Problem {
	var problems []config.Problem
	for _, address := range []struct{ key, url string }{
		{"database.url", d.URL}, {"database.listen_url", d.ListenURL},
	} {
		if address.url == "" || len(problems) > 0 && d.URL == d.ListenURL {
			continue
		}
		db, err := postgres.Open(ctx, address.url, "config") // connects to nothing yet
		if err != nil {
			problems = append(problems, config.Problem{Key: address.key, Text: err.Error()})
			continue
		}
		db.Close()
	}
	return problems
}

// openDatabase opens the configured database and checks its schema.
func openDatabase(cmd *cobra.Command, file string) (*postgres.DB, error) {
	_, db, err := openConfigured(cmd, file)
	return db, err
}

// openConfigured is openDatabase for commands that need the configuration too.
func openConfigured(cmd *cobra.Command, file string) (*config.Config, *postgres.DB, error) {
	c, err := loadWithDatabase(cmd, file)
	if err != nil {
		return nil, nil, err
	}
	db, err := openWith(cmd, c)
	if err != nil {
		return nil, nil, err
	}
	return c, db, nil
}

// openWith opens the database of a configuration that was read, and checks its schema.
func openWith(cmd *cobra.Command, c *config.Config) (*postgres.DB, error) {
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
