package delivery

import (
	"context"

	"github.com/orderbell/orderbell/internal/outbox"
)

// DeliverBatch is not there yet.
func (c *Courier) DeliverBatch(ctx context.Context, claims []*outbox.Claim) []outbox.Result {
	results := make([]outbox.Result, len(claims))
	for i, claim := range claims {
		results[i] = c.Deliver(ctx, claim)
	}
	return results
}
