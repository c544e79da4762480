// Package janitor does what is done on a schedule: it makes the day partitions ahead of
// time, destroys secrets that have retired, deletes old records of scans, and runs scans.
// Several janitors on one database are harmless.
//
// # Decisions
//
//   - Partitions are made 14 days ahead, every hour: a janitor that was away for
//     almost two weeks has lost nothing, and one that fails has 300 more tries.
//   - A tick is claimed by a row that only one worker can insert. Rejected: a leader that
//     runs everything, which must be elected, and found dead.
//   - Ticks are computed from the schedule and the clock of the database, never from a
//     worker's: no worker is early, and none names a tick that the others do not. @every is
//     counted from a fixed instant, and times without CRON_TZ are in UTC, for the same
//     reason. Rejected: cron's own goroutine, which goes by the machine's clock and zone.
//   - A tick that comes while the run before goes on is skipped, and recorded as skipped. A
//     scan looks at what is there, so the next tick sees what this one would have. Rejected:
//     running it afterwards, which makes a queue where a scan is slower than its schedule.
//   - Of the ticks that were missed the last one is made up, as soon as a worker can: one
//     look finds what several would have found. A tick that began and failed is not missed.
//   - A run that fails is not tried again before the next tick. What is wrong with a query
//     is seldom over in a moment, and the schedule says how urgent it is.
//   - A worker that is told to stop takes no more ticks, and gives its runs as long as it
//     gives requests in flight.
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

// Records deletes what is recorded of old runs of scans, and returns how many.
type Records interface {
	PruneScans(ctx context.Context) (int, error)
}

// Run keeps house, once at its start and then on schedule, until ctx ends.
func Run(ctx context.Context, partitions Partitions, secrets Secrets, records Records, log *slog.Logger) error {
	makeAhead := func() {
		makePartitions(ctx, partitions, log)
		destroySecrets(ctx, secrets, log)
		pruneScans(ctx, records, log)
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

func pruneScans(ctx context.Context, records Records, log *slog.Logger) {
	pruned, err := records.PruneScans(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		log.Error("old runs of scans could not be deleted; the next try is in an hour", "error", err)
	}
	if pruned > 0 {
		log.Info("runs of scans older than 90 days were deleted", "runs", pruned)
	}
}
