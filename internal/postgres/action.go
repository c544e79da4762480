package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

// Act calls an action for a claim, judges what came of it, and settles the row, hook and
// all, in one transaction: so the function's work is done exactly once. It fills in the
// settlement's result and verdict. What a function did that returned false, failed, or
// took too long, is rolled back.
// held tells that somebody's transaction holds the row: nothing was called. went has no
// state where the row is not this attempt's any more. After an error it is not known
// whether it was done; the function must not be called again for this attempt.
func (db *DB) Act(ctx context.Context, s *outbox.Settlement, action string) (went outbox.Settled, held bool, err error) {
	doing := "call " + action + " for " + outbox.FormatID(s.Claim.ID)
	went, ours, err := db.alonely(ctx, s, doing, func(ctx context.Context, tx pgx.Tx, row lockedRow) (outbox.Settled, error) {
		result, err := call(ctx, tx, s.Claim, action)
		if err != nil {
			return outbox.Settled{}, err
		}
		s.Result = result
		s.Verdict = s.Claim.Policy.Judge(s.Claim, result)
		return db.settleOne(ctx, tx, s, row)
	})
	if err != nil || ours {
		return went, false, err
	}
	left, err := db.unsettled(ctx, map[outbox.ID]*outbox.Settlement{s.Claim.ID: s})
	return outbox.Settled{}, len(left) > 0, err
}

// call calls an action inside of a savepoint, which it keeps or rolls back.
func call(ctx context.Context, tx pgx.Tx, claim *outbox.Claim, action string) (outbox.Result, error) {
	began := time.Now()
	save, err := tx.Begin(ctx)
	if err != nil {
		return outbox.Result{}, err
	}
	if err := bound(ctx, save, within(claim.Policy)); err != nil {
		return outbox.Result{}, err
	}
	var did *bool
	err = save.QueryRow(ctx, "select "+action+"($1::text, $2::text)", claim.OrderNo, claim.Body).Scan(&did)
	if err == nil {
		err = tidy(ctx, save)
	}
	result := outbox.Result{Outcome: outbox.OutcomeAnswered, Elapsed: time.Since(began)}
	fault, refused := refusal(err)
	if err != nil && !refused {
		return outbox.Result{}, err
	}
	switch {
	case hasCode(err, "57014") && strings.Contains(fault, "statement timeout"):
		result.Outcome, result.Error = outbox.OutcomeTimeout, "the function took longer than "+within(claim.Policy).String()
	case err != nil:
		result.Error = "the function failed: " + fault
	case did == nil || !*did:
		result.Error, result.Excerpt, result.Answer = "the function returned "+written(did), written(did), written(did)
	default:
		result.Outcome, result.Excerpt, result.Answer = outbox.OutcomeAcknowledged, "true", "true"
		return result, save.Commit(ctx)
	}
	return result, save.Rollback(ctx)
}

func written(did *bool) string {
	if did == nil {
		return "null"
	}
	return "false"
}
