// Package janitor keeps house on a schedule: for now it makes the day partitions
// ahead of time. Several janitors on one database are harmless.
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

// Partitions makes the partitions that are missing and returns how many.
type Partitions interface {
	MakePartitions(ctx context.Context) (int, error)
}

// Run keeps house, once at its start and then on schedule, until ctx ends.
func Run(ctx context.Context, partitions Partitions, log *slog.Logger) error {
	makeAhead := func() {
		made, err := partitions.MakePartitions(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			log.Error("partitions could not be made; the next try is in an hour", "error", err)
		case made > 0:
			log.Info("partitions were made", "partitions", made)
		}
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
