package chaos

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// OpenOrder writes a notification for an endpoint, in a transaction that stays open
// until commit is called. The checker knows of it. An order that is never committed
// is rolled back when the test ends, and must not be checked before.
func (h *House) OpenOrder(endpoint string) (commit func()) {
	h.t.Helper()
	ctx, end := context.WithCancel(context.WithoutCancel(h.t.Context()))
	h.t.Cleanup(end)
	conn, err := pgx.Connect(ctx, h.URL)
	if err != nil {
		h.t.Fatalf("connect for an open order: %v", err)
	}
	h.t.Cleanup(func() { _ = conn.Close(ctx) }) // which rolls back
	no := fmt.Sprintf("open-%d", len(h.orders)+1)
	tx, err := conn.Begin(ctx)
	if err != nil {
		h.t.Fatalf("begin an open order: %v", err)
	}
	var id string
	row := tx.QueryRow(ctx, "select orderbell.enqueue($1, 'trade.success', $2, '{}')::text", endpoint, no)
	if err := row.Scan(&id); err != nil {
		h.t.Fatalf("write an open order: %v", err)
	}
	h.orders = append(h.orders, Order{No: no, Fate: Committed, IDs: []string{id}})
	return func() {
		h.t.Helper()
		if err := tx.Commit(ctx); err != nil {
			h.t.Fatalf("commit an open order: %v", err)
		}
	}
}
