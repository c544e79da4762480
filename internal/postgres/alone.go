package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	// aloneConns is how many functions of the business a worker calls at once: package
	// worker shares them out. Hooks and actions are short, and connections few.
	aloneConns = 8
	// afterwards is how long a transaction may take beside the function that it calls.
	afterwards = 10 * time.Second
	// mostUndone is how often a hook is called for nothing, because its row is not to be had
	// after it: somebody holds it for long, or the hook itself ends it.
	mostUndone = 10
	hookUndone = "its row could not be settled after it; a hook must leave orderbell.delivery alone"
	// longestFault bounds what is kept of what a function has said, in bytes.
	longestFault = 1000
)

// pinAlone is for transactions that call functions of the business: they may leave
// anything behind in the session, so that nothing is kept in it.
func pinAlone(config *pgx.ConnConfig, worker string) {
	pinReads(config, worker)
	config.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
}

// forget takes back what functions have left in a session: settings, roles, locks,
// temporary tables. A connection that cannot is closed.
func forget(conn *pgx.Conn) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := conn.PgConn().Exec(ctx, "discard all").ReadAll()
	return err == nil
}

// SettleAlone records one attempt and moves its row in a transaction of its own. Where
// that ends the row in a state for which it has a hook, the hook is called in the same
// transaction. If it fails, the row stays, and owes it.
// held tells that somebody's transaction holds the row: it is to be settled again. A row
// whose lease was lost is not moved: went has no state then.
func (db *DB) SettleAlone(ctx context.Context, s *outbox.Settlement) (went outbox.Settled, held bool, err error) {
	doing := "settle " + outbox.FormatID(s.Claim.ID)
	went, ours, err := db.alonely(ctx, s, doing, func(ctx context.Context, tx pgx.Tx, row lockedRow) (outbox.Settled, error) {
		return db.settleOne(ctx, tx, s, row)
	})
	if hasCode(err, "22021", "22P05") {
		// What an endpoint has said is in no character of this database's encoding.
		toASCII([]*string{&s.Result.Error, &s.Result.Excerpt, &s.Result.Answer, &s.Verdict.Reason})
		return db.SettleAlone(ctx, s)
	}
	if err != nil || ours {
		return went, false, err
	}
	return db.settleOthers(ctx, s)
}

// settleOthers settles what could not be locked: another transaction holds the row, or it
// is not this attempt's any more, and only the attempt is recorded.
func (db *DB) settleOthers(ctx context.Context, s *outbox.Settlement) (went outbox.Settled, held bool, err error) {
	left, err := db.unsettled(ctx, map[outbox.ID]*outbox.Settlement{s.Claim.ID: s})
	if err != nil || len(left) > 0 {
		return outbox.Settled{}, len(left) > 0, err
	}
	if s.Result.Outcome == outbox.OutcomeUnknown {
		return outbox.Settled{}, false, nil // somebody else's attempt, which a later look meets again
	}
	_, _, err = db.Settle(ctx, []*outbox.Settlement{s})
	return outbox.Settled{}, false, err
}

// alonely does something in a transaction for the settlement's row. ours is false where
// the row is not to be had; then nothing was done. The row is not locked meanwhile: a
// function may wait for an order that waits, in cancel, for the row.
func (db *DB) alonely(ctx context.Context, s *outbox.Settlement, doing string,
	do func(context.Context, pgx.Tx, lockedRow) (outbox.Settled, error),
) (went outbox.Settled, ours bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*within(s.Claim.Policy)+afterwards)
	defer cancel()
	taken := false
	err = db.transact(ctx, doing, func(tx pgx.Tx) error {
		row, err := tryLock(ctx, tx, func(save pgx.Tx) (*lockedRow, error) { return db.lock(ctx, save, s) })
		if err != nil || row == nil {
			return err
		}
		ours = true
		went, err = do(ctx, tx, *row)
		taken = errors.Is(err, errTaken)
		return err
	})
	if taken {
		return outbox.Settled{}, false, nil
	}
	return went, ours, err
}

// transact runs one transaction that may call functions of the business.
func (db *DB) transact(ctx context.Context, doing string, do func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, db.alone, do)
	var told *failure
	if err != nil && !errors.As(err, &told) {
		db.alone.failed(err)
		return &failure{doing, err}
	}
	return err
}

// settleOne calls the hook of a row, if it ends with one, and then locks and settles it:
// nothing waits for the row, and what has locked it waits for nothing.
func (db *DB) settleOne(ctx context.Context, tx pgx.Tx, s *outbox.Settlement, row lockedRow) (went outbox.Settled, err error) {
	hook, fault := row.hook(row.end(s.Verdict.State)), s.HookFault
	if s.Undone >= mostUndone {
		fault = hookUndone
	}
	if hook != "" && fault == "" {
		if fault, err = db.tryHook(ctx, tx, hook, row.OrderNo, s.Result.Answer, within(s.Claim.Policy)); err != nil {
			s.HookFault = "it was being called when the connection was lost"
			return went, err
		}
	}
	locked, err := db.lock(ctx, tx, s)
	if err != nil {
		return went, err
	}
	if locked == nil {
		s.Undone++
		return went, errTaken
	}
	args, err := settleArgs([]*outbox.Settlement{s})
	if err != nil {
		return went, err
	}
	args["holder"] = db.holder
	s.Sent = true
	save, err := tx.Begin(ctx)
	if err != nil {
		return went, err
	}
	otherwise, err := query[settledRow](ctx, save, "settle an attempt", sqlSettle, args)
	if err != nil {
		return went, err
	}
	moved, _ := outcome([]*outbox.Settlement{s}, otherwise)
	if len(moved) == 0 {
		return went, fmt.Errorf("settle %s: its row was locked, and has not moved", outbox.FormatID(s.Claim.ID))
	}
	went = moved[0]
	switch {
	case locked.hook(went.State) != hook: // it was cancelled meanwhile, or claimed again
		return went, errTaken
	case hook == "" || fault == "":
		return went, save.Commit(ctx)
	}
	if err := save.Rollback(ctx); err != nil {
		return went, err
	}
	return owe(ctx, tx, s, went, hook, fault)
}

// owe records the attempt and keeps the row, since its hook has failed.
func owe(ctx context.Context, tx pgx.Tx, s *outbox.Settlement, end outbox.Settled, hook, fault string) (outbox.Settled, error) {
	var c columns
	c.add(s)
	ladder := outbox.Ladder(nil)
	if s.Claim.Policy != nil {
		ladder = s.Claim.Policy.Ladder
	}
	_, err := query[struct{ Rung *string }](ctx, tx, "keep a row whose hook has failed", sqlOwe, pgx.StrictNamedArgs{
		"id": s.Claim.ID, "attempt": s.Claim.Attempt, "round": s.Claim.Round, "began_ago": c.beganAgo[0], "duration": c.durations[0],
		"outcome": c.outcomes[0], "status": c.statuses[0], "endpoint": s.Claim.Endpoint, "url": c.urls[0], "error": c.errors[0],
		"excerpt": c.excerpts[0], "worker": s.Worker, "state": string(end.State), "reason": orNull(end.Reason), "hook": hook,
		"answer": orNull(storable(s.Result.Answer)), "fault": fault, "rung": s.Claim.Rung, "wait": ladder.Again(1),
	})
	return outbox.Settled{ID: s.Claim.ID, State: outbox.Pending, Reason: end.Reason, HookFault: hook + ": " + fault}, err
}

// within is how long a function may take.
func within(p *outbox.Policy) time.Duration {
	if p == nil || p.Timeout <= 0 {
		return 10 * time.Second
	}
	return p.Timeout
}

// bound gives a function its time, until the transaction ends.
func bound(ctx context.Context, tx pgx.Tx, d time.Duration) error {
	_, err := query[struct{ Bound string }](ctx, tx, "bound a function", sqlBound,
		pgx.StrictNamedArgs{"within": strconv.FormatInt(max(d.Milliseconds(), 1), 10)})
	return err
}

// tidy ends what a function has begun, while that can still be its failure. What is
// deferred would fail at the commit, and take the attempt with it; what it has set for the
// session, such as a role or a time limit, would be the settle's.
func tidy(ctx context.Context, save pgx.Tx) error {
	_, err := save.Conn().PgConn().Exec(ctx, "set constraints all immediate; reset role; reset all").ReadAll()
	return err
}

// refusal is why PostgreSQL has refused what a function did; ok is false where the
// connection was lost, or is about to be.
func refusal(err error) (text string, ok bool) {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Severity == "FATAL" || refused.Severity == "PANIC" {
		return "", false
	}
	text = storable(refused.Message)
	if len(text) > longestFault {
		text = strings.ToValidUTF8(text[:longestFault], "") + "…"
	}
	return fmt.Sprintf("%s (SQLSTATE %s)", text, refused.Code), true
}
