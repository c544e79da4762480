package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

// errTaken ends a transaction whose row somebody else has, or has marked, meanwhile.
var errTaken = errors.New("somebody else has the row")

// lockedRow is a row that is settled alone.
type lockedRow struct {
	Elsewhere                   bool // a later attempt is in flight: it does not end yet
	EndsAs                      outbox.State
	OrderNo                     string
	OnAcknowledged, OnExhausted string
}

// end is where a verdict brings it, as settle decides it.
func (r lockedRow) end(verdict outbox.State) outbox.State {
	if verdict == outbox.Acknowledged || r.EndsAs == "" {
		return verdict
	}
	return r.EndsAs
}

// hook is the one that this ending has, or empty.
func (r lockedRow) hook(state outbox.State) string {
	switch {
	case r.Elsewhere:
		return ""
	case state == outbox.Acknowledged:
		return r.OnAcknowledged
	case state == outbox.Exhausted || state == outbox.Rejected:
		return r.OnExhausted
	}
	return ""
}

// tryLock locks a row, and lets go of it at once.
func tryLock[T any](ctx context.Context, tx pgx.Tx, lock func(save pgx.Tx) (*T, error)) (*T, error) {
	save, err := tx.Begin(ctx)
	if err != nil {
		return nil, err
	}
	row, err := lock(save)
	if err != nil {
		return nil, err
	}
	return row, save.Rollback(ctx)
}

// lock locks the settlement's row; nil where it is not to be had.
func (db *DB) lock(ctx context.Context, tx pgx.Tx, s *outbox.Settlement) (*lockedRow, error) {
	rows, err := query[lockedRow](ctx, tx, "lock "+outbox.FormatID(s.Claim.ID), sqlLock, pgx.StrictNamedArgs{
		"id": s.Claim.ID, "attempt": s.Claim.Attempt, "round": s.Claim.Round, "holder": db.holder,
		"acknowledged": s.Result.Outcome == outbox.OutcomeAcknowledged, "unknown": s.Result.Outcome == outbox.OutcomeUnknown,
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}
