package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

type hookRow struct{ Call, Fault string }

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
		// What is deferred would fail at the commit, and take the attempt with it.
		_, err = save.Exec(ctx, "set constraints all immediate")
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
// any more, is left alone: went has no state then.
func (db *DB) CallOwed(ctx context.Context, owed outbox.Owed, policy *outbox.Policy) (went outbox.Settled, err error) {
	doing := "call the hook of " + outbox.FormatID(owed.ID)
	lost := false
	ctx, cancel := context.WithTimeout(ctx, within(policy)+afterwards)
	defer cancel()
	err = db.transact(ctx, doing, func(tx pgx.Tx) error {
		rows, err := query[owedRow](ctx, tx, doing, sqlLockOwed, pgx.StrictNamedArgs{"id": owed.ID})
		if err != nil || len(rows) == 0 {
			return err
		}
		save, err := tx.Begin(ctx)
		if err != nil {
			return err
		}
		answer := ""
		if rows[0].Answer != nil {
			answer = *rows[0].Answer
		}
		fault, err := db.callHook(ctx, save, rows[0].Hook, rows[0].OrderNo, answer, within(policy))
		if err != nil {
			lost = true
			return err
		}
		went, err = db.endOwed(ctx, tx, save, owed.ID, rows[0], fault, policy)
		return err
	})
	if lost {
		// Not again at once: it may be what ends connections.
		return went, db.oweAgain(context.WithoutCancel(ctx), db.reads, owed.ID, "it was being called when the connection was lost", waitForHook(policy, 1))
	}
	return went, err
}

// endOwed ends a row whose hook has worked, or notes why it has failed.
func (db *DB) endOwed(ctx context.Context, tx, save pgx.Tx, id outbox.ID, row owedRow, fault string, policy *outbox.Policy) (outbox.Settled, error) {
	if fault == "" {
		if err := save.Commit(ctx); err != nil {
			return outbox.Settled{}, err
		}
		_, err := query[struct{ Rung *string }](ctx, tx, "end a row whose hook has worked", sqlPaid, pgx.StrictNamedArgs{"id": id})
		return outbox.Settled{ID: id, State: row.State, Reason: row.Reason}, err
	}
	if err := save.Rollback(ctx); err != nil {
		return outbox.Settled{}, err
	}
	err := db.oweAgain(ctx, tx, id, fault, waitForHook(policy, row.Tries+1))
	return outbox.Settled{ID: id, State: outbox.Pending, Reason: row.Reason, HookFault: row.Hook + ": " + fault}, err
}

func (db *DB) oweAgain(ctx context.Context, q querier, id outbox.ID, fault string, wait time.Duration) error {
	_, err := query[struct{ Rung *string }](ctx, q, "note that a hook has failed", sqlOweAgain,
		pgx.StrictNamedArgs{"id": id, "fault": fault, "wait": wait})
	return err
}

func waitForHook(policy *outbox.Policy, times int) time.Duration {
	if policy == nil {
		return outbox.Ladder(nil).Again(times)
	}
	return policy.Ladder.Again(times)
}
