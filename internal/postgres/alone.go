package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	// aloneConns is how many functions of the business a worker runs at once: the others
	// wait. Hooks and actions are short, and connections of the business's database few.
	aloneConns = 4
	// afterwards is how long a transaction may take beside the function that it calls.
	afterwards = 10 * time.Second
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

// errNotOurs ends a transaction that must undo what it did: the row is held by somebody, or
// is not this attempt's any more.
var errNotOurs = errors.New("the row is not ours to settle")

// SettleAlone records one attempt and moves its row in a transaction of its own. Where
// that ends the row in a state for which it has a hook, the hook is called in the same
// transaction. If it fails, the row stays, and owes it.
// held tells that somebody's transaction holds the row: it is to be settled again. A row
// whose lease was lost is not moved: went has no state then.
func (db *DB) SettleAlone(ctx context.Context, s *outbox.Settlement) (went outbox.Settled, held bool, err error) {
	went, err = db.alonely(ctx, s, "settle "+outbox.FormatID(s.Claim.ID), func(ctx context.Context, tx pgx.Tx, row aloneRow) (outbox.Settled, error) {
		return db.settleIn(ctx, tx, s, row)
	})
	switch {
	case hasCode(err, "22021", "22P05"):
		// What an endpoint has said is in no character of this database's encoding.
		toASCII([]*string{&s.Result.Error, &s.Result.Excerpt, &s.Result.Answer, &s.Verdict.Reason})
		return db.SettleAlone(ctx, s)
	case errors.Is(err, errNotOurs):
		return db.settleOthers(ctx, s)
	}
	return went, false, err
}

// settleOthers settles what is not to be had: another transaction holds the row, or it is
// not this attempt's any more, and only the attempt is recorded.
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

// aloneRow is a row that is to be settled alone.
type aloneRow struct {
	Elsewhere                   bool         // a later attempt is in flight: it does not end yet
	EndsAs                      outbox.State // how it was told to end
	OrderNo                     string
	OnAcknowledged, OnExhausted string
}

// comesTo is where the settle moves the row with this verdict.
func (r aloneRow) comesTo(verdict outbox.State) outbox.State {
	if verdict == outbox.Acknowledged || r.EndsAs == "" {
		return verdict
	}
	return r.EndsAs
}

// hook is the one that this ending has, or empty.
func (r aloneRow) hook(state outbox.State) string {
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

// fence names the attempt whose row is meant.
func (db *DB) fence(s *outbox.Settlement) pgx.StrictNamedArgs {
	return pgx.StrictNamedArgs{
		"id": s.Claim.ID, "attempt": s.Claim.Attempt, "round": s.Claim.Round,
		"acknowledged": s.Result.Outcome == outbox.OutcomeAcknowledged,
	}
}

// alonely does something in a transaction that has looked at the settlement's row.
// errNotOurs undoes it.
func (db *DB) alonely(ctx context.Context, s *outbox.Settlement, doing string,
	do func(context.Context, pgx.Tx, aloneRow) (outbox.Settled, error),
) (went outbox.Settled, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*within(s.Claim.Policy)+afterwards)
	defer cancel()
	err = db.transact(ctx, doing, func(tx pgx.Tx) error {
		args := db.fence(s)
		args["holder"], args["unknown"] = db.holder, s.Result.Outcome == outbox.OutcomeUnknown
		rows, err := query[aloneRow](ctx, tx, doing, sqlPeek, args)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return errNotOurs
		}
		went, err = do(ctx, tx, rows[0])
		return err
	})
	return went, err
}

// transact runs one transaction that may call functions of the business.
func (db *DB) transact(ctx context.Context, doing string, do func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, db.alone, do)
	var told *failure
	if err == nil || errors.Is(err, errNotOurs) || errors.As(err, &told) {
		return err
	}
	db.alone.failed(err)
	return &failure{doing, err}
}

// settleIn settles a row, after its hook was called.
func (db *DB) settleIn(ctx context.Context, tx pgx.Tx, s *outbox.Settlement, row aloneRow) (went outbox.Settled, err error) {
	state := row.comesTo(s.Verdict.State)
	hook := row.hook(state)
	if hook != "" {
		fault, err := db.tryHook(ctx, tx, s, hook, row.OrderNo)
		if err != nil {
			return went, err
		}
		if fault != "" {
			return db.owe(ctx, tx, s, state, hook, fault)
		}
	}
	args, err := settleArgs([]*outbox.Settlement{s})
	if err != nil {
		return went, err
	}
	args["holder"] = db.holder
	s.Sent = true
	otherwise, err := query[settledRow](ctx, tx, "settle an attempt", sqlSettle, args)
	if err != nil {
		return went, err
	}
	moved, _ := outcome([]*outbox.Settlement{s}, otherwise)
	if len(moved) == 0 || moved[0].State != state {
		return went, errNotOurs // somebody has marked or ended it since; the hook was called for nothing
	}
	return moved[0], nil
}

// tryHook calls the hook of a settlement, and undoes what it did if it fails: fault is why.
func (db *DB) tryHook(ctx context.Context, tx pgx.Tx, s *outbox.Settlement, hook, orderNo string) (fault string, err error) {
	if s.HookFault != "" {
		return s.HookFault, nil
	}
	fault, err = db.callHook(ctx, tx, hook, orderNo, s.Result.Answer, within(s.Claim.Policy))
	if err != nil {
		s.HookFault = hookLost
	}
	return fault, err
}

// owe records the attempt and keeps the row, since its hook has failed.
func (db *DB) owe(ctx context.Context, tx pgx.Tx, s *outbox.Settlement, state outbox.State, hook, fault string) (outbox.Settled, error) {
	locked, err := query[struct{ ID outbox.ID }](ctx, tx, "keep a row whose hook has failed", sqlLock, db.fence(s))
	if err != nil {
		return outbox.Settled{}, err
	}
	if len(locked) == 0 {
		return outbox.Settled{}, errNotOurs
	}
	var c columns
	c.add(s)
	ladder := outbox.Ladder(nil)
	if s.Claim.Policy != nil {
		ladder = s.Claim.Policy.Ladder
	}
	_, err = query[struct{ Rung *string }](ctx, tx, "keep a row whose hook has failed", sqlOwe, pgx.StrictNamedArgs{
		"id": s.Claim.ID, "attempt": s.Claim.Attempt, "round": s.Claim.Round, "began_ago": c.beganAgo[0], "duration": c.durations[0],
		"outcome": c.outcomes[0], "status": c.statuses[0], "endpoint": s.Claim.Endpoint, "url": c.urls[0], "error": c.errors[0],
		"excerpt": c.excerpts[0], "worker": s.Worker, "state": string(state), "reason": orNull(storable(s.Verdict.Reason)), "hook": hook,
		"answer": orNull(storable(s.Result.Answer)), "fault": fault, "rung": s.Claim.Rung, "wait": ladder.Again(1),
	})
	return outbox.Settled{ID: s.Claim.ID, State: outbox.Pending, Reason: s.Verdict.Reason, HookFault: hook + ": " + fault}, err
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

// refusal is why PostgreSQL has refused what a function did; ok is false where the
// connection was lost, or is about to be.
func refusal(err error) (text string, ok bool) {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Severity == "FATAL" || refused.Severity == "PANIC" {
		return "", false
	}
	return fmt.Sprintf("%s (SQLSTATE %s)", storable(refused.Message), refused.Code), true
}
