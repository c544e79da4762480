package demo

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/devpg"
	"github.com/orderbell/orderbell/internal/postgres"
)

// database is where a scene plays.
type database struct {
	url    string
	server *devpg.Server // nil where the database is somebody else's
}

// openDatabase starts a private PostgreSQL and migrates it, or checks the schema
// of the one that the scene "shop" was given.
func openDatabase(ctx context.Context, o Options, said io.Writer) (*database, error) {
	if o.Scene == sceneShop {
		return &database{url: o.DatabaseURL}, checkSchema(ctx, o.DatabaseURL)
	}
	log := app.NewLog(said, config.Log{Level: slog.LevelInfo, Format: config.FormatText})
	server, err := devpg.Start(ctx, devpg.Options{Log: log})
	if err != nil {
		return nil, err
	}
	d := &database{url: server.URL("postgres"), server: server}
	if err := postgres.MigrateUp(ctx, d.url); err != nil {
		_ = d.close(ctx)
		return nil, err
	}
	return d, nil
}

// checkSchema returns a *postgres.SchemaError where the schema does not fit.
func checkSchema(ctx context.Context, url string) error {
	db, err := postgres.Open(ctx, url, "demo")
	if err != nil {
		return err
	}
	defer db.Close()
	return db.CheckSchema(ctx)
}

// questions are what the database can be asked while the demo runs.
const questions = `  select * from orderbell.backlog;
  select order_no, state, explanation from orderbell.notification_status order by id desc limit 10;
  select order_no, attempt, outcome, error from orderbell.delivery_history order by started_at desc limit 10;
`

// announce says how to look inside, and who is let through to whom.
func (d *database) announce(said io.Writer) {
	reach := d.server.PsqlCommand("postgres")
	if reach == "" {
		reach = d.url
	}
	say(said, "A private PostgreSQL %s runs until the demo ends. To look inside:\n  %s\n", d.server.Version(), reach)
	say(said, "and to ask there, while it runs:\n%s", questions)
	say(said, "The worker may send to %s (network.allow), where the merchants are.\n", loopback)
}

// close stops the private server; nothing else may use it any more.
func (d *database) close(ctx context.Context) error {
	if d.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return d.server.Stop(ctx)
}
