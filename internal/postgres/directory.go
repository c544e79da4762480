package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

type policyRow struct {
	Name                string
	LadderUs            []int64
	Acknowledge, Reject string
	Method, Format      string
	Signature           string
	TimeoutUs           int64
	RetryAfterCapUs     int64
	Fault               string
}

// Policies returns every policy.
func (db *DB) Policies(ctx context.Context) ([]*outbox.Policy, error) {
	rows, err := query[policyRow](ctx, db.reads, "read policies", sqlPolicies, pgx.StrictNamedArgs{})
	if err != nil {
		return nil, err
	}
	policies := make([]*outbox.Policy, len(rows))
	for i, row := range rows {
		ladder := make(outbox.Ladder, len(row.LadderUs))
		for n, us := range row.LadderUs {
			ladder[n] = time.Duration(us) * time.Microsecond
		}
		policies[i] = &outbox.Policy{
			Name: row.Name, Ladder: ladder, Acknowledge: row.Acknowledge, Reject: row.Reject,
			Method: row.Method, Format: row.Format, Signature: row.Signature,
			Timeout:       time.Duration(row.TimeoutUs) * time.Microsecond,
			RetryAfterCap: time.Duration(row.RetryAfterCapUs) * time.Microsecond,
			Fault:         row.Fault,
		}
	}
	return policies, nil
}

type endpointRow struct {
	ID, URL, Policy  string
	Headers          map[string]string
	MaxInFlight      int
	Rate             float64
	Paused, Open     bool
	ProbeIn          time.Duration
	Signature, Fault string
	Versions         []int
	KeyIDs           []string `db:"key_ids"`
	Sealed           [][]byte
	Action           string
	ActionFault      string
	AnswerKey        string
	BatchSize        int
	BatchWait        time.Duration
}

func (r *endpointRow) endpoint() *outbox.Endpoint {
	e := &outbox.Endpoint{
		ID: r.ID, URL: r.URL, Policy: r.Policy, Headers: r.Headers, MaxInFlight: r.MaxInFlight, Rate: r.Rate,
		Paused: r.Paused, Open: r.Open, ProbeIn: r.ProbeIn, Signature: r.Signature, Fault: r.Fault,
		Action: r.Action, ActionFault: r.ActionFault, AnswerKey: r.AnswerKey, BatchSize: r.BatchSize, BatchWait: r.BatchWait,
	}
	for i, version := range r.Versions {
		e.Secrets = append(e.Secrets, outbox.Secret{Version: version, KeyID: r.KeyIDs[i], Sealed: r.Sealed[i]})
	}
	return e
}

// Endpoints returns those of the given ids that exist.
func (db *DB) Endpoints(ctx context.Context, ids []string) ([]*outbox.Endpoint, error) {
	rows, err := query[endpointRow](ctx, db.reads, "read endpoints", sqlEndpoints, pgx.StrictNamedArgs{"ids": ids})
	if err != nil {
		return nil, err
	}
	endpoints := make([]*outbox.Endpoint, len(rows))
	for i := range rows {
		endpoints[i] = rows[i].endpoint()
	}
	return endpoints, nil
}

// SetFault writes why the rows of a policy are parked, or that they no longer
// are, unless its rules have been changed since they were read.
func (db *DB) SetFault(ctx context.Context, p *outbox.Policy, fault string) error {
	_, err := query[struct{}](ctx, db.reads, "set the fault of policy "+p.Name, sqlSetFault, pgx.StrictNamedArgs{
		"name": p.Name, "acknowledge": p.Acknowledge, "reject": p.Reject, "fault": fault,
	})
	return err
}

// MakePartitions makes the day partitions that are missing. It returns how many it
// made, and how many it could not make.
func (db *DB) MakePartitions(ctx context.Context) (made, missing int, err error) {
	if err := db.reads.QueryRow(ctx, sqlMakePartitions.text).Scan(&made); err != nil {
		return 0, 0, fmt.Errorf("make partitions: %w", err)
	}
	if err := db.reads.QueryRow(ctx, sqlMissing.text).Scan(&missing); err != nil {
		return made, 0, fmt.Errorf("look for missing partitions: %w", err)
	}
	return made, missing, nil
}
