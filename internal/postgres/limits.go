package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

// Reserve takes this process's share of what all workers may do to endpoints that have
// limits. It waits for others that reserve for the same ones, and returns a grant for
// each endpoint that exists, in no order; none may be wanted twice.
func (db *DB) Reserve(ctx context.Context, wants []outbox.Want) ([]outbox.Grant, error) {
	endpoints, slots, sends := make([]string, len(wants)), make([]int, len(wants)), make([]int, len(wants))
	for i, want := range wants {
		endpoints[i], slots[i], sends[i] = want.Endpoint, want.Slots, want.Sends
	}
	if err := noneTwice("reserve for endpoints", endpoints); err != nil {
		return nil, err
	}
	return query[outbox.Grant](ctx, db.claims, "reserve for endpoints", sqlReserve, pgx.StrictNamedArgs{
		"endpoints": endpoints, "slots": slots, "sends": sends, "holder": db.holder, "lease": Lease,
	})
}

// Probe takes the probes of open breakers whose time has come, and returns the endpoints
// that are this worker's to probe. If no [DB.Break] follows within that time, somebody
// may probe them again.
func (db *DB) Probe(ctx context.Context, endpoints []string, within time.Duration) (won []string, err error) {
	rows, err := query[struct{ Endpoint string }](ctx, db.claims, "take probes", sqlProbe,
		pgx.StrictNamedArgs{"endpoints": endpoints, "within": within})
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		won = append(won, row.Endpoint)
	}
	return won, nil
}

// Break opens and closes breakers, all of them or none; no endpoint may be there twice.
// Saying the same again is harmless.
func (db *DB) Break(ctx context.Context, changes []outbox.Breaking) error {
	endpoints, reasons := make([]string, len(changes)), make([]*string, len(changes))
	opens, unsent := make([]bool, len(changes)), make([]bool, len(changes))
	for i, change := range changes {
		unsent[i] = change.Unsent
		endpoints[i], opens[i], reasons[i] = change.Endpoint, change.Open, new(storable(change.Reason))
	}
	if err := noneTwice("change breakers", endpoints); err != nil {
		return err
	}
	args := pgx.StrictNamedArgs{"endpoints": endpoints, "opens": opens, "unsent": unsent, "reasons": reasons, "worker": db.worker}
	_, err := query[struct{}](ctx, db.settles, "change breakers", sqlBreak, args)
	if hasCode(err, "22021", "22P05") { // as in Settle
		toASCII(reasons)
		_, err = query[struct{}](ctx, db.settles, "change breakers", sqlBreak, args)
	}
	return err
}

// noneTwice returns an error where one of the endpoints is there twice: a statement would
// heed one of the two, and nobody knows which.
func noneTwice(doing string, endpoints []string) error {
	sorted := slices.SortedFunc(slices.Values(endpoints), strings.Compare)
	for i := range sorted {
		if i > 0 && sorted[i] == sorted[i-1] {
			return fmt.Errorf("%s: %s is there twice", doing, sorted[i])
		}
	}
	return nil
}
