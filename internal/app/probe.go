package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/postgres"
)

// Probe tests how an endpoint treats requests, in the way of a worker with the same
// configuration, and records what it found. No notification is made. An error says why
// there is no report; where it could not be recorded, the report is there beside the error.
func Probe(ctx context.Context, c *config.Config, db *postgres.DB, version, id string, log *slog.Logger) (delivery.Report, error) {
	endpoint, policy, err := endpointOf(ctx, db, id)
	if err != nil {
		return delivery.Report{}, err
	}
	courier, err := newCourier(ctx, c, version, log)
	if err != nil {
		return delivery.Report{}, err
	}
	defer courier.Close()
	// What is ours to mend is said at once, and is no report for a merchant.
	if err := courier.Check(policy); err != nil {
		return delivery.Report{}, fmt.Errorf("policy %s: nothing can be sent: %w", policy.Name, err)
	}
	if err := courier.CheckEndpoint(endpoint, policy); err != nil {
		return delivery.Report{}, fmt.Errorf("endpoint %s: nothing can be signed: %w", id, err)
	}
	now, err := db.Clock(ctx)
	if err != nil {
		return delivery.Report{}, err
	}
	report := courier.Probe(ctx, endpoint, policy, now)
	if ctx.Err() != nil {
		return report, fmt.Errorf("the probe of endpoint %s was stopped: %w", id, context.Cause(ctx))
	}
	text, err := json.Marshal(report)
	if err != nil {
		return report, fmt.Errorf("write the report as JSON: %w", err)
	}
	return report, db.AddProbe(ctx, id, report.Passed, text)
}
