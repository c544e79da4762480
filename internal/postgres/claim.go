package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

type claimRow struct {
	ID                             outbox.ID
	Attempt, Round, Rung, Unknowns int
	Due                            time.Time
	Endpoint, Policy               string
	Alone                          bool
}

func (r *claimRow) claim() *outbox.Claim {
	return &outbox.Claim{
		ID: r.ID, Attempt: r.Attempt, Round: r.Round, Rung: r.Rung, Unknowns: r.Unknowns, Due: r.Due,
		Endpoint: r.Endpoint, PolicyName: r.Policy, Alone: r.Alone,
	}
}

// Claim leases due rows of the lanes, no lane twice among them, and begins an
// attempt of each. Rows that name a policy of their own are claimed only if it is
// among the given ones, and not among those that sign where the lane cannot.
func (db *DB) Claim(ctx context.Context, lanes []outbox.Lane, policies, signing []string) ([]*outbox.Claim, error) {
	endpoints := make([]string, len(lanes))
	froms := make([]time.Time, len(lanes))
	takes := make([]int, len(lanes))
	aheads := make([]time.Duration, len(lanes))
	sendable, suspects, unsigned := make([]bool, len(lanes)), make([]bool, len(lanes)), make([]bool, len(lanes))
	for i, lane := range lanes {
		endpoints[i], froms[i], takes[i] = lane.Endpoint, lane.From, lane.Take
		aheads[i] = lane.Ahead
		sendable[i], suspects[i], unsigned[i] = lane.Sendable, lane.Suspects, lane.Unsigned
	}
	rows, err := query[claimRow](ctx, db.claims, "claim rows", sqlClaim, pgx.StrictNamedArgs{
		"endpoints": endpoints, "froms": froms, "takes": takes, "aheads": aheads, "sendable": sendable, "policies": policies,
		"suspects": suspects, "unsigned": unsigned, "signing": signing, "free": outbox.FreeUnknowns,
		"holder": db.holder, "lease": Lease,
	})
	if err != nil {
		return nil, err
	}
	return claimsOf(rows), nil
}

func claimsOf(rows []claimRow) []*outbox.Claim {
	claims := make([]*outbox.Claim, len(rows))
	for i := range rows {
		claims[i] = rows[i].claim()
	}
	return claims
}

// Reclaim returns what this process has in flight in these lanes. A claim whose
// answer was lost may be among it, if it was carried out.
func (db *DB) Reclaim(ctx context.Context, lanes []outbox.Lane) ([]*outbox.Claim, error) {
	endpoints, froms := make([]string, len(lanes)), make([]time.Time, len(lanes))
	for i, lane := range lanes {
		endpoints[i], froms[i] = lane.Endpoint, lane.From
	}
	rows, err := query[claimRow](ctx, db.claims, "look for lost claims", sqlReclaim,
		pgx.StrictNamedArgs{"endpoints": endpoints, "froms": froms, "holder": db.holder})
	if err != nil {
		return nil, err
	}
	return claimsOf(rows), nil
}

type notificationRow struct {
	ID                                     outbox.ID
	Event, OrderNo, URL, ContentType, Body string
	Headers                                *string // JSON
}

// into completes a claim. What was checked when it was inserted may have been changed by
// hand since.
func (r *notificationRow) into(claim *outbox.Claim) {
	claim.Event, claim.OrderNo, claim.Body = r.Event, r.OrderNo, r.Body
	claim.URL, claim.ContentType, claim.Headers = r.URL, r.ContentType, nil
	if r.Headers == nil {
		return
	}
	if json.Unmarshal([]byte(*r.Headers), &claim.Headers) != nil {
		claim.Fault = "headers is no JSON object of texts"
	}
}

// planOnce is how far apart ids may be made for the plan that all fills share: it
// looks for each id in each day between them. Planning for the ids at hand took
// 0.1 ms a fill.
const planOnce = 24 * time.Hour

func compareIDs(a, b outbox.ID) int { return bytes.Compare(a[:], b[:]) }

// Fill fetches what to send for claimed rows. It returns those whose
// notification is gone, with its partition: there is nothing to send.
func (db *DB) Fill(ctx context.Context, claims []*outbox.Claim) (gone []*outbox.Claim, err error) {
	if len(claims) == 0 {
		return nil, nil
	}
	byID := make(map[outbox.ID]*outbox.Claim, len(claims))
	ids := make([]outbox.ID, len(claims))
	for i, claim := range claims {
		byID[claim.ID], ids[i] = claim, claim.ID
	}
	slices.SortFunc(ids, compareIDs)
	least, greatest := ids[0], ids[len(ids)-1]
	pool := db.claims
	if outbox.IDTime(greatest).Sub(outbox.IDTime(least)) > planOnce {
		pool = db.reads
	}
	rows, err := query[notificationRow](ctx, pool, "fetch notifications", sqlNotifications,
		pgx.StrictNamedArgs{"ids": ids, "least": least, "greatest": greatest})
	if err != nil {
		return nil, err
	}
	for i := range rows {
		row := &rows[i]
		row.into(byID[row.ID])
		delete(byID, row.ID)
	}
	for _, claim := range byID {
		gone = append(gone, claim)
	}
	return gone, nil
}

// Renew lengthens the leases of attempts in flight, and returns the ids whose
// lease it could renew: another's lease has ended, or somebody holds its row.
func (db *DB) Renew(ctx context.Context, claims []*outbox.Claim) ([]outbox.ID, error) {
	ids, attempts := tokens(claims)
	rows, err := query[struct{ NotificationID outbox.ID }](ctx, db.settles, "renew leases", sqlRenew, pgx.StrictNamedArgs{
		"ids": ids, "attempts": attempts, "holder": db.holder, "lease": Lease,
	})
	if err != nil {
		return nil, err
	}
	renewed := make([]outbox.ID, len(rows))
	for i := range rows {
		renewed[i] = rows[i].NotificationID
	}
	return renewed, nil
}

// tokens are the fencing tokens of claims: id and attempt.
func tokens(claims []*outbox.Claim) ([]outbox.ID, []int) {
	ids, attempts := make([]outbox.ID, len(claims)), make([]int, len(claims))
	for i, claim := range claims {
		ids[i], attempts[i] = claim.ID, claim.Attempt
	}
	return ids, attempts
}

type lapsedRow struct {
	claimRow
	Holder string
	Ago    time.Duration
}

// nameOf is the worker's name without the token of its process.
func nameOf(holder string) string {
	if i := strings.LastIndexByte(holder, '/'); i > 0 {
		return holder[:i]
	}
	return holder
}

// Lapsed returns attempts whose lease has ended, 5,000 at the most.
func (db *DB) Lapsed(ctx context.Context) ([]outbox.Lapse, error) {
	rows, err := query[lapsedRow](ctx, db.reads, "look for ended leases", sqlLapsed, pgx.StrictNamedArgs{})
	if err != nil {
		return nil, err
	}
	lapses := make([]outbox.Lapse, len(rows))
	for i := range rows {
		lapses[i] = outbox.Lapse{Claim: rows[i].claim(), Worker: nameOf(rows[i].Holder), Ago: rows[i].Ago}
	}
	return lapses, nil
}
