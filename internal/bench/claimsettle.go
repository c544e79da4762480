package bench

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/postgres"
)

// batch is how many rows a claim or a settle takes without HTTP.
const batch = 500

// claimSettle moves preloaded rows of one endpoint through the database as a
// worker does, without any request: one goroutine claims, another settles.
// It returns how many a second.
func claimSettle(ctx context.Context, d *database, endpoint string, rows int) (float64, error) {
	db, err := postgres.Open(ctx, d.url, "bench")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	if err := db.Ping(ctx); err != nil {
		return 0, err
	}
	claimed := make(chan []*outbox.Claim, 4)
	all, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	all.Go(func() error {
		defer close(claimed)
		return claimAll(ctx, db, endpoint, rows, claimed)
	})
	all.Go(func() error {
		for claims := range claimed {
			if err := settleAll(ctx, db, claims); err != nil {
				return err
			}
		}
		return nil
	})
	err = all.Wait()
	return perSecond(rows, time.Since(began)), err
}

func claimAll(ctx context.Context, db *postgres.DB, endpoint string, rows int, to chan<- []*outbox.Claim) error {
	lanes := lane(endpoint, batch)
	for left := rows; left > 0; {
		claims, err := claim(ctx, db, lanes)
		if err != nil {
			return err
		}
		if len(claims) == 0 {
			return fmt.Errorf("%d rows of %s could not be claimed", left, endpoint)
		}
		left -= len(claims)
		for _, c := range claims { // as a worker does: it goes on where it got to
			if c.Due.After(lanes[0].From) {
				lanes[0].From = c.Due
			}
		}
		select {
		case to <- claims:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// claim claims rows of the lanes, and fetches what to send.
func claim(ctx context.Context, db *postgres.DB, lanes []outbox.Lane) ([]*outbox.Claim, error) {
	claims, err := db.Claim(ctx, lanes, nil, nil)
	if err != nil {
		return nil, err
	}
	gone, err := db.Fill(ctx, claims)
	if err == nil && len(gone) > 0 {
		err = fmt.Errorf("%d claimed rows have no notification", len(gone))
	}
	return claims, err
}

func lane(endpoint string, most int) []outbox.Lane {
	return []outbox.Lane{{Endpoint: endpoint, Take: most, Sendable: true}}
}

// settleAll ends claimed rows as acknowledged.
func settleAll(ctx context.Context, db *postgres.DB, claims []*outbox.Claim) error {
	settlements := make([]*outbox.Settlement, len(claims))
	for i, c := range claims {
		settlements[i] = &outbox.Settlement{
			Claim:   c,
			Result:  outbox.Result{Outcome: outbox.OutcomeAcknowledged, HTTPStatus: 200, Excerpt: "success"},
			Verdict: outbox.Verdict{State: outbox.Acknowledged, Rung: c.Rung},
			Began:   time.Now(),
			Worker:  "bench",
		}
	}
	moved, _, err := db.Settle(ctx, settlements)
	if err == nil && len(moved) != len(claims) {
		err = fmt.Errorf("%d rows were settled, of %d", len(moved), len(claims))
	}
	return err
}
