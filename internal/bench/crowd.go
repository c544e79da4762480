package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
)

// crowd is who the orders of a load go to: shop-1 and so on, of which the first ones
// may be replaced by hung-1 and so on, that never answer.
type crowd struct {
	healthy int // endpoints, as long as nobody hangs
	hung    int // of them, that do
}

// plan chooses an endpoint for each order, at random and each time alike.
func (c crowd) plan(orders int) []string {
	chance := rand.New(rand.NewPCG(5, uint64(c.healthy))) //nolint:gosec // chance, not a secret
	plan := make([]string, orders)
	for i := range plan {
		number := 1 + chance.IntN(c.healthy)
		if number <= c.hung {
			plan[i] = fmt.Sprintf("hung-%d", number)
		} else {
			plan[i] = fmt.Sprintf("shop-%d", number)
		}
	}
	return plan
}

// ready is a healthy endpoint whoever hangs.
func (c crowd) ready() string { return fmt.Sprintf("shop-%d", c.healthy) }

func healthy(endpoint string) bool { return strings.HasPrefix(endpoint, "shop-") }

const (
	// Due over the last hour. Written past the trigger, as restoring a backup does.
	fillDue = `
		with past as materialized (
			select orderbell.uuid7(clock_timestamp()) as id, i from generate_series(1, $1::int) i
		), sent as (
			insert into orderbell.notification (id, endpoint, event, order_no, body)
			select id, 'backlog-1', 'trade.success', lpad(i::text, 16, '0'), ` + bodySQL + ` from past
		)
		insert into orderbell.delivery (notification_id, endpoint, state, next_attempt_at)
		select id, 'backlog-1', 'pending', now() - random() * interval '1 h' from past`
	fillRungs = `
		with past as materialized (
			select orderbell.uuid7(clock_timestamp()) as id, i from generate_series(1, $1::int) i
		), sent as (
			insert into orderbell.notification (id, endpoint, event, order_no, body)
			select id, 'waiting-' || i, 'trade.success', lpad(i::text, 16, '0'), ` + bodySQL + ` from past
		)
		insert into orderbell.delivery (notification_id, endpoint, state, next_attempt_at, attempt_count, rung)
		select id, 'waiting-' || i, 'pending', now() + interval '2 h' + random() * interval '1 day', 3, 3 from past`
)

// burden gives a database what must not be felt: rows of backlog-1 that are due, and
// endpoints that each have one row waiting on a rung.
func (d *database) burden(ctx context.Context, due, waiting int) error {
	if err := d.endpoints(ctx, "waiting", waiting, "https://shop.example/notify"); err != nil {
		return err
	}
	if err := d.run(ctx, "take the trigger away", `alter table orderbell.notification disable trigger notification_inserted`); err != nil {
		return err
	}
	for left := due; left > 0; left -= chunk {
		if err := d.run(ctx, "write due deliveries", fillDue, min(left, chunk)); err != nil {
			return err
		}
	}
	if err := d.run(ctx, "write waiting deliveries", fillRungs, waiting); err != nil {
		return err
	}
	if err := d.run(ctx, "give the trigger back", `alter table orderbell.notification enable trigger notification_inserted`); err != nil {
		return err
	}
	return d.run(ctx, "vacuum", "vacuum (analyze)")
}

// forget takes away what the last load has left: rows that it did not come to, and what
// is known of those that hang. Each load begins with a database that has never seen its
// endpoints fail. Only the backlog stays, but for the rows that were tried.
func (d *database) forget(ctx context.Context) error {
	if err := d.run(ctx, "forget undelivered rows", `
		delete from orderbell.delivery
		where endpoint like 'shop-%' or endpoint like 'hung-%' or endpoint like 'backlog-%' and rung > 0`); err != nil {
		return err
	}
	if err := d.run(ctx, "forget breakers", "delete from orderbell.breaker"); err != nil && !refused(err, noSuchTable) {
		return err
	}
	if err := d.run(ctx, "vacuum", "vacuum (analyze) orderbell.delivery"); err != nil {
		return err
	}
	return d.settleDown(ctx)
}
