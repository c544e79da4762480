package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	// owedMost is how many hooks one look takes to call again: they must all be called
	// before owedLease is over.
	owedMost  = 4 * aloneConns
	owedLease = time.Minute
	// hookLost is why a hook counts as failed that may be what has ended the connection.
	hookLost = "the connection was lost while it was being called"
)

type hookRow struct{ Call, Fault string }

// callHook calls a hook, and undoes what it did if it fails: fault is why. err means that
// the connection is lost.
func (db *DB) callHook(ctx context.Context, tx pgx.Tx, hook, orderNo, answer string, within time.Duration) (fault string, err error) {
	found, err := query[hookRow](ctx, tx, "look for hook "+hook, sqlHook, pgx.StrictNamedArgs{"name": hook})
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "there is no hook of this name any more", nil
	case found[0].Fault != "":
		return found[0].Fault, nil
	}
	_, err = called(ctx, tx, within, func(save pgx.Tx) (bool, error) {
		_, err := save.Exec(ctx, found[0].Call, orderNo, orNull(storable(answer)))
		return err == nil, err
	})
	if err == nil {
		return "", nil
	}
	if fault, ok := refusal(err); ok {
		return fault, nil
	}
	return "", err
}

// called runs a function of the business inside of a savepoint, and in its time; keep tells
// whether what it did is kept. An error is PostgreSQL's refusal, with everything undone, or
// a lost connection.
func called(ctx context.Context, tx pgx.Tx, within time.Duration, do func(save pgx.Tx) (keep bool, err error)) (keep bool, err error) {
	save, err := tx.Begin(ctx)
	if err != nil {
		return false, err
	}
	if err := bound(ctx, save, within); err != nil {
		return false, err
	}
	keep, err = do(save)
	if err == nil {
		// What is deferred would fail at the commit, and take the attempt with it.
		_, err = save.Exec(ctx, "set constraints all immediate")
	}
	if _, refused := refusal(err); err != nil && !refused {
		return false, err
	}
	if keep && err == nil {
		err = save.Commit(ctx)
	} else if undone := save.Rollback(ctx); undone != nil {
		return false, undone
	}
	// What it has set for the session is not for what follows.
	if _, reset := tx.Conn().PgConn().Exec(ctx, "reset role; reset all").ReadAll(); reset != nil {
		return false, reset
	}
	return keep, err
}

// Owed takes rows whose hook is to be called again now, as many as this worker can call in
// their time; nobody else takes them meanwhile.
func (db *DB) Owed(ctx context.Context) ([]outbox.Owed, error) {
	return query[outbox.Owed](ctx, db.reads, "take hooks to call again", sqlOwed, pgx.StrictNamedArgs{"most": owedMost, "lease": owedLease})
}

// CallOwed calls the hook of a row that owes it, and ends the row if it works, in one
// transaction. policy says how long it may take, and when it is tried again if it fails;
// nil where there is none any more. A row that somebody holds, or that does not owe it any
// more, is left as it is: went has no state then.
func (db *DB) CallOwed(ctx context.Context, owed outbox.Owed, policy *outbox.Policy) (went outbox.Settled, err error) {
	doing := "call the hook of " + outbox.FormatID(owed.ID)
	ctx, cancel := context.WithTimeout(ctx, within(policy)+afterwards)
	defer cancel()
	called := false
	err = db.transact(ctx, doing, func(tx pgx.Tx) error {
		fault, err := db.callHook(ctx, tx, owed.Hook, owed.OrderNo, owed.Answer, within(policy))
		if err != nil {
			return err
		}
		called = true
		went, err = db.endOwed(ctx, tx, owed, fault, policy)
		return err
	})
	if errors.Is(err, errNotOurs) {
		return outbox.Settled{}, nil
	}
	if err != nil && !called {
		// Not again at once: it may be what ends connections.
		return outbox.Settled{}, errors.Join(err, db.oweAgain(context.WithoutCancel(ctx), db.reads, owed, hookLost, policy))
	}
	return went, err
}

// endOwed ends a row whose hook has worked, or notes why it has failed.
func (db *DB) endOwed(ctx context.Context, tx pgx.Tx, owed outbox.Owed, fault string, policy *outbox.Policy) (outbox.Settled, error) {
	locked, err := query[struct{ ID outbox.ID }](ctx, tx, "end a row whose hook was called", sqlLockOwed,
		pgx.StrictNamedArgs{"id": owed.ID, "tries": owed.Tries})
	if err != nil {
		return outbox.Settled{}, err
	}
	if len(locked) == 0 {
		return outbox.Settled{}, errNotOurs
	}
	if fault != "" {
		return outbox.Settled{ID: owed.ID, State: outbox.Pending, Reason: owed.Reason, HookFault: owed.Hook + ": " + fault},
			db.oweAgain(ctx, tx, owed, fault, policy)
	}
	_, err = query[struct{ Rung *string }](ctx, tx, "end a row whose hook has worked", sqlPaid, pgx.StrictNamedArgs{"id": owed.ID})
	return outbox.Settled{ID: owed.ID, State: owed.State, Reason: owed.Reason}, err
}

func (db *DB) oweAgain(ctx context.Context, q querier, owed outbox.Owed, fault string, policy *outbox.Policy) error {
	ladder := outbox.Ladder(nil)
	if policy != nil {
		ladder = policy.Ladder
	}
	_, err := query[struct{ Rung *string }](ctx, q, "note that a hook has failed", sqlOweAgain,
		pgx.StrictNamedArgs{"id": owed.ID, "tries": owed.Tries, "fault": fault, "wait": ladder.Again(owed.Tries + 1)})
	return err
}
