package main

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/devpg"
	"github.com/orderbell/orderbell/internal/postgres"
)

// privateDatabase is there in every new cluster.
const privateDatabase = "postgres"

// workPrivately is `work` with a Postgres that lives as long as the worker.
func workPrivately(cmd *cobra.Command, file string, paused bool) error {
	c, err := load(cmd, file)
	if err != nil {
		return err
	}
	c.Worker.Paused = paused
	log := app.NewLog(cmd.ErrOrStderr(), c.Log)
	ctx, hurry, release := onSignals(cmd.Context(), log)
	defer release()
	server, err := devpg.Start(ctx, devpg.Options{Log: log})
	if err != nil {
		return stopped(ctx, err)
	}
	working, hurrying, end := whileThere(ctx, hurry, server.Lost())
	err = stopped(ctx, workOn(working, hurrying, cmd, server, c, log))
	end()
	if errors.Is(context.Cause(working), errLost) {
		err = errLost // and not what followed from it
	}
	// Removed also after the signal that has ended ctx.
	removing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return errors.Join(err, server.Stop(removing))
}

var errLost = errors.New("the private PostgreSQL has ended, though nobody stopped it; this worker ends too, and what it held is gone")

// whileThere returns ctx and hurry as they are, except that both also end, with
// errLost as the cause, when the database is lost: nothing can be settled then.
// end gives back what that takes.
func whileThere(ctx context.Context, hurry, lost <-chan struct{}) (working context.Context, hurrying <-chan struct{}, end func()) {
	working, cancel := context.WithCancelCause(ctx)
	hurried, ended := make(chan struct{}), make(chan struct{})
	go func() {
		select {
		case <-lost:
			cancel(errLost)
		case <-hurry:
		case <-ended:
		}
		close(hurried)
	}()
	return working, hurried, func() { close(ended); cancel(nil) }
}

func workOn(ctx context.Context, hurry <-chan struct{}, cmd *cobra.Command, server *devpg.Server, c *config.Config, log *slog.Logger) error {
	if c.Database.URL != "" {
		say(cmd, "orderbell: database.url is set, and not used: --private-database")
	}
	url := server.URL(privateDatabase)
	if err := postgres.MigrateUp(ctx, url); err != nil {
		return err
	}
	c.Database = config.Database{URL: url, ListenURL: url}
	c.Network.Allow = append(c.Network.Allow, loopback()...)
	if line := server.PsqlCommand(privateDatabase); line != "" {
		say(cmd, "orderbell: a private PostgreSQL %s runs until this worker stops; open it with: %s", server.Version(), line)
	} else {
		say(cmd, "orderbell: a private PostgreSQL %s runs until this worker stops, at %s", server.Version(), url)
	}
	say(cmd, "orderbell: requests to this machine's loopback addresses are allowed, as if network.allow named them")
	return app.Work(ctx, hurry, c, programVersion(), log)
}

func loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}
