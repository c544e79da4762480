// Package janitor keeps house on a schedule: it makes the day partitions ahead of time,
// and destroys secrets that have retired. Several janitors on one database are harmless.
//
// # Decisions
//
//   - Partitions are made 14 days ahead, every hour: a janitor that was away for
//     almost two weeks has lost nothing, and one that fails has 300 more tries.
package janitor

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/robfig/cron/v3"
)

// Partitions makes the partitions that are missing. It returns how many it made,
// and how many it could not make.
type Partitions interface {
	MakePartitions(ctx context.Context) (made, missing int, err error)
}

// Secrets destroys the secrets that have retired, and returns how many.
type Secrets interface {
	DestroySecrets(ctx context.Context) (int, error)
}

// Run keeps house, once at its start and then on schedule, until ctx ends.
func Run(ctx context.Context, partitions Partitions, secrets Secrets, log *slog.Logger) error {
	makeAhead := func() {
		makePartitions(ctx, partitions, log)
		destroySecrets(ctx, secrets, log)
	}
	schedule := cron.New(cron.WithChain(cron.SkipIfStillRunning(cron.DiscardLogger)))
	if _, err := schedule.AddFunc("@hourly", makeAhead); err != nil {
		return fmt.Errorf("schedule the partitions: %w", err)
	}
	makeAhead()
	schedule.Start()
	<-ctx.Done()
	<-schedule.Stop().Done()
	return nil
}

func makePartitions(ctx context.Context, partitions Partitions, log *slog.Logger) {
	made, missing, err := partitions.MakePartitions(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		log.Error("partitions could not be made; the next try is in an hour", "error", err)
	}
	if made > 0 {
		log.Info("partitions were made", "partitions", made)
	}
	if missing > 0 {
		log.Error("partitions are missing, and rows of their days go to the default partition; "+
			"select orderbell.make_partitions() in psql says why; the next try is in an hour", "partitions", missing)
	}
}

func destroySecrets(ctx context.Context, secrets Secrets, log *slog.Logger) {
	destroyed, err := secrets.DestroySecrets(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		log.Error("retired secrets could not be destroyed; the next try is in an hour", "error", err)
	}
	if destroyed > 0 {
		log.Info("retired secrets were destroyed", "secrets", destroyed)
	}
}
