package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

type hookRow struct{ Call, Fault string }

// tryHook calls a hook, and takes back what it did if it has failed.
func (db *DB) tryHook(ctx context.Context, tx pgx.Tx, hook, orderNo, answer string, within time.Duration) (fault string, err error) {
	save, err := tx.Begin(ctx)
	if err != nil {
		return "", err
	}
	fault, err = db.callHook(ctx, save, hook, orderNo, answer, within)
	switch {
	case err != nil:
		return "", err
	case fault != "":
		return fault, save.Rollback(ctx)
	}
	return "", save.Commit(ctx)
}

// callHook calls a hook inside of a savepoint. fault is why it has failed: then the
// savepoint must be rolled back. err means that the connection is lost.
func (db *DB) callHook(ctx context.Context, save pgx.Tx, hook, orderNo, answer string, within time.Duration) (fault string, err error) {
	found, err := query[hookRow](ctx, save, "look for hook "+hook, sqlHook, pgx.StrictNamedArgs{"name": hook})
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "there is no hook of this name any more", nil
	case found[0].Fault != "":
		return found[0].Fault, nil
	}
	if err := bound(ctx, save, within); err != nil {
		return "", err
	}
	_, err = save.Exec(ctx, found[0].Call, orderNo, orNull(storable(answer)))
	if err == nil {
		err = tidy(ctx, save)
	}
	if err == nil {
		return "", nil
	}
	if fault, ok := refusal(err); ok {
		return fault, nil
	}
	return "", err
}

// Owed returns rows whose hook is to be called again now, 100 at the most.
func (db *DB) Owed(ctx context.Context) ([]outbox.Owed, error) {
	return query[outbox.Owed](ctx, db.reads, "look for hooks to call again", sqlOwed, pgx.StrictNamedArgs{})
}

type owedRow struct {
	State   outbox.State
	Reason  string
	Hook    string
	Answer  *string
	Tries   int
	OrderNo string
}

// CallOwed calls the hook of a row that owes it, and ends the row if it works, in one
// transaction. policy says how long it may take, and when it is tried again if it fails;
// nil where there is none any more. A row that somebody else has, or that does not owe it
// any more, is left alone: went has no state then. What ends with ctx has not failed.
func (db *DB) CallOwed(ctx context.Context, owed outbox.Owed, policy *outbox.Policy) (went outbox.Settled, err error) {
	doing := "call the hook of " + outbox.FormatID(owed.ID)
	var row *owedRow // once it is locked
	during, cancel := context.WithTimeout(ctx, within(policy)+afterwards)
	defer cancel()
	taken := false
	err = db.transact(during, doing, func(tx pgx.Tx) error {
		mine, err := query[struct{ Mine bool }](during, tx, doing, sqlCallOwed, pgx.StrictNamedArgs{"id": owed.ID})
		if err != nil || !mine[0].Mine {
			return err
		}
		row, err = tryLock(during, tx, func(save pgx.Tx) (*owedRow, error) { return lockOwed(during, save, owed.ID) })
		if err != nil || row == nil {
			return err
		}
		answer := ""
		if row.Answer != nil {
			answer = *row.Answer
		}
		fault, err := db.tryHook(during, tx, row.Hook, row.OrderNo, answer, within(policy))
		if err != nil {
			return err
		}
		went, err = db.endOwed(during, tx, owed.ID, fault, policy)
		taken = errors.Is(err, errTaken)
		return err
	})
	if taken {
		return outbox.Settled{}, nil
	}
	if err == nil || row == nil || ctx.Err() != nil {
		return went, err
	}
	// Not again at once: it may be what ends connections.
	fault := "it was being called when the connection was lost"
	if said, ok := refusal(err); ok {
		fault = "the row could not be ended after it: " + said
	}
	return db.oweAgain(context.WithoutCancel(ctx), db.reads, owed.ID, row, fault, policy)
}

// lockOwed locks a row that owes its hook now; nil where it is not to be had.
func lockOwed(ctx context.Context, tx pgx.Tx, id outbox.ID) (*owedRow, error) {
	rows, err := query[owedRow](ctx, tx, "lock "+outbox.FormatID(id), sqlLockOwed, pgx.StrictNamedArgs{"id": id})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

// endOwed ends a row whose hook has worked, or notes why it has failed.
func (db *DB) endOwed(ctx context.Context, tx pgx.Tx, id outbox.ID, fault string, policy *outbox.Policy) (outbox.Settled, error) {
	row, err := lockOwed(ctx, tx, id)
	switch {
	case err != nil:
		return outbox.Settled{}, err
	case row == nil:
		return outbox.Settled{}, errTaken
	case fault != "":
		return db.oweAgain(ctx, tx, id, row, fault, policy)
	}
	_, err = query[struct{ Rung *string }](ctx, tx, "end a row whose hook has worked", sqlPaid, pgx.StrictNamedArgs{"id": id})
	return outbox.Settled{ID: id, State: row.State, Reason: row.Reason}, err
}

// oweAgain notes that a hook has failed once more; went has no state where its row has
// ended meanwhile.
func (db *DB) oweAgain(ctx context.Context, q querier, id outbox.ID, row *owedRow, fault string, policy *outbox.Policy) (went outbox.Settled, err error) {
	noted, err := query[struct{ Rung *string }](ctx, q, "note that a hook has failed", sqlOweAgain,
		pgx.StrictNamedArgs{"id": id, "fault": fault, "wait": waitForHook(policy, row.Tries+1)})
	if err != nil || len(noted) == 0 {
		return outbox.Settled{}, err
	}
	return outbox.Settled{ID: id, State: outbox.Pending, Reason: row.Reason, HookFault: row.Hook + ": " + fault}, nil
}

func waitForHook(policy *outbox.Policy, times int) time.Duration {
	if policy == nil {
		return outbox.Ladder(nil).Again(times)
	}
	return policy.Ladder.Again(times)
}
