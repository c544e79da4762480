package postgres

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

// Settle records a batch of attempts and moves their rows, in one statement. No
// id may be in the batch twice. It returns the rows that it moved, and those that
// somebody else's transaction holds, which are to be settled again; the others
// were settled before, or their lease was lost.
func (db *DB) Settle(ctx context.Context, batch []*outbox.Settlement) (moved []outbox.Settled, held []*outbox.Settlement, err error) {
	args, err := settleArgs(batch)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range batch {
		s.Sent = true
	}
	args["holder"] = db.holder
	otherwise, err := query[settledRow](ctx, db.settles, "settle attempts", sqlSettle, args)
	if hasCode(err, "22021", "22P05") {
		// What an endpoint has said is in no character of this database's encoding.
		otherwise, err = query[settledRow](ctx, db.settles, "settle attempts", sqlSettle, inASCII(args))
	}
	if err != nil {
		return nil, nil, err
	}
	moved, left := outcome(batch, otherwise)
	if len(left) > 0 {
		held, err = db.unsettled(ctx, left)
	}
	return moved, held, err
}

// settledRow is a row that did not go the way that it was told.
type settledRow struct {
	ID     outbox.ID
	Moved  bool
	State  outbox.State
	Reason string
}

// outcome parts a batch into the rows that were moved, and those that were left.
func outcome(batch []*outbox.Settlement, otherwise []settledRow) (moved []outbox.Settled, left map[outbox.ID]*outbox.Settlement) {
	differs := make(map[outbox.ID]settledRow, len(otherwise))
	for _, row := range otherwise {
		differs[row.ID] = row
	}
	moved = make([]outbox.Settled, 0, len(batch))
	left = make(map[outbox.ID]*outbox.Settlement)
	for _, s := range batch {
		row, ok := differs[s.Claim.ID]
		switch {
		case !ok:
			moved = append(moved, outbox.Settled{ID: s.Claim.ID, State: s.Verdict.State, Reason: s.Verdict.Reason})
		case row.Moved:
			moved = append(moved, outbox.Settled{ID: row.ID, State: row.State, Reason: row.Reason})
		default:
			left[row.ID] = s
		}
	}
	return moved, left
}

// columns are the parameters of the settle statement, one slice for each.
type columns struct {
	ids                             []outbox.ID
	attempts, rounds                []int
	beganAgo                        []time.Duration
	durations                       []int64
	outcomes                        []string
	statuses                        []*int
	endpoints                       []string
	urls, errors, excerpts, reasons []*string
	workers                         []string
	states                          []string
	waits                           []time.Duration
	rungs, unknowns                 []int
}

func settleArgs(batch []*outbox.Settlement) (pgx.StrictNamedArgs, error) {
	// Everybody locks rows in the order of their ids.
	batch = slices.SortedFunc(slices.Values(batch), func(a, b *outbox.Settlement) int {
		return compareIDs(a.Claim.ID, b.Claim.ID)
	})
	var c columns
	again := false
	for i, s := range batch {
		if i > 0 && s.Claim.ID == batch[i-1].Claim.ID {
			return nil, fmt.Errorf("settle attempts: %s is in the batch twice", outbox.FormatID(s.Claim.ID))
		}
		again = again || s.Sent
		c.add(s)
	}
	return pgx.StrictNamedArgs{
		"ids": c.ids, "attempts": c.attempts, "rounds": c.rounds, "began_ago": c.beganAgo, "durations": c.durations,
		"outcomes": c.outcomes, "statuses": c.statuses, "endpoints": c.endpoints, "urls": c.urls,
		"errors": c.errors, "excerpts": c.excerpts, "workers": c.workers,
		"states": c.states, "reasons": c.reasons, "waits": c.waits, "rungs": c.rungs, "unknowns": c.unknowns,
		"again": again,
	}, nil
}

func (c *columns) add(s *outbox.Settlement) {
	c.ids = append(c.ids, s.Claim.ID)
	c.attempts = append(c.attempts, s.Claim.Attempt)
	c.rounds = append(c.rounds, s.Claim.Round)
	c.beganAgo = append(c.beganAgo, time.Since(s.Began))
	c.durations = append(c.durations, s.Result.Elapsed.Microseconds())
	c.outcomes = append(c.outcomes, string(s.Result.Outcome))
	c.statuses = append(c.statuses, orNull(s.Result.HTTPStatus))
	c.endpoints = append(c.endpoints, s.Claim.Endpoint)
	c.urls = append(c.urls, orNull(s.Claim.EndpointURL))
	c.errors = append(c.errors, orNull(storable(s.Result.Error)))
	c.excerpts = append(c.excerpts, orNull(storable(s.Result.Excerpt)))
	c.workers = append(c.workers, s.Worker)
	c.states = append(c.states, string(s.Verdict.State))
	c.reasons = append(c.reasons, orNull(storable(s.Verdict.Reason)))
	c.waits = append(c.waits, s.Verdict.Wait)
	// Somebody may have written the greatest number that there is.
	c.rungs = append(c.rungs, min(s.Verdict.Rung, math.MaxInt16))
	c.unknowns = append(c.unknowns, min(s.Verdict.Unknowns, math.MaxInt16))
}

// storable makes a text that PostgreSQL takes: one bad byte of an answer must not
// keep a whole batch from being written.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\\x00")
}

// inASCII writes what outsiders have said in characters that every encoding has.
func inASCII(args pgx.StrictNamedArgs) pgx.StrictNamedArgs {
	for _, name := range []string{"errors", "excerpts", "reasons"} {
		toASCII(args[name].([]*string))
	}
	args["again"] = true
	return args
}

func toASCII(texts []*string) {
	for _, text := range texts {
		if text != nil {
			*text = strings.Trim(strconv.QuoteToASCII(*text), `"`)
		}
	}
}

func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// unsettled finds, among what a settle left out, the attempts that are still in
// flight: somebody holds their rows.
func (db *DB) unsettled(ctx context.Context, left map[outbox.ID]*outbox.Settlement) ([]*outbox.Settlement, error) {
	var c columns
	acknowledged := make([]bool, 0, len(left))
	for _, s := range left {
		c.add(s)
		acknowledged = append(acknowledged, s.Result.Outcome == outbox.OutcomeAcknowledged)
	}
	rows, err := query[struct{ NotificationID outbox.ID }](ctx, db.settles, "look for unsettled attempts", sqlUnsettled,
		pgx.StrictNamedArgs{"ids": c.ids, "attempts": c.attempts, "rounds": c.rounds, "acknowledged": acknowledged})
	if err != nil {
		return nil, err
	}
	var held []*outbox.Settlement
	for i := range rows {
		// A lapse is somebody else's attempt: if its row is held, a later look meets it again.
		if s := left[rows[i].NotificationID]; s.Result.Outcome != outbox.OutcomeUnknown {
			held = append(held, s)
		}
	}
	return held, nil
}
