package chaos

import (
	"fmt"
	"strings"
)

// EnqueueMany commits n notifications for an endpoint, in one order. The checker knows
// of them.
func (h *House) EnqueueMany(endpoint string, n int) {
	h.t.Helper()
	no := fmt.Sprintf("own-%d", len(h.orders)+1)
	ids := h.Text(`select string_agg(orderbell.enqueue($1, 'trade.success', $2, '{}')::text, ' ')
		from generate_series(1, $3)`, endpoint, no, n)
	h.orders = append(h.orders, Order{No: no, Fate: Committed, IDs: strings.Fields(ids)})
}
