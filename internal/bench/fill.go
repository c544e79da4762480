package bench

import "context"

// fill gives a database a past: finished notifications, each with one attempt,
// over the last 14 days, and deliveries that wait on later rungs. They are written
// past the trigger, as restoring a backup does.
func (d *database) fill(ctx context.Context, finished, waiting int) error {
	for _, step := range []struct {
		doing, statement string
		args             []any
	}{
		{doing: "make partitions of days past", statement: `
			select orderbell.make_partition(parent, key, (now() at time zone 'UTC')::date - day)
			from (values ('notification', 'id'), ('attempt', 'notification_id'), ('finished', 'notification_id')) as t (parent, key)
			cross join generate_series(1, 14) as day`},
		{doing: "add endpoints", statement: `
			insert into orderbell.endpoint (id, url) select 'old-' || i, 'https://shop.example/' || i from generate_series(1, 1000) i`},
		{doing: "take the trigger away", statement: `alter table orderbell.notification disable trigger notification_inserted`},
		{doing: "write finished notifications", statement: fillFinished, args: []any{finished}},
		{doing: "write waiting deliveries", statement: fillWaiting, args: []any{waiting}},
		{doing: "give the trigger back", statement: `alter table orderbell.notification enable trigger notification_inserted`},
		{doing: "vacuum", statement: `vacuum (analyze)`},
	} {
		if err := d.run(ctx, step.doing, step.statement, step.args...); err != nil {
			return err
		}
	}
	return d.settleDown(ctx)
}

const (
	// The endpoints are old-1 to old-1000, and the bodies short: what counts are rows.
	fillFinished = `
		with past as materialized (
			select orderbell.uuid7(at) as id, at, i, 'old-' || 1 + i % 1000 as endpoint
			from (select i, now() - random() * interval '14 days' as at from generate_series(1, $1::int) i) as moment
		), sent as (
			insert into orderbell.notification (id, created_at, endpoint, event, order_no, body)
			select id, at, endpoint, 'trade.success', lpad(i::text, 16, '0'), '{"trade_status":"TRADE_SUCCESS"}' from past
		), tried as (
			insert into orderbell.attempt (notification_id, attempt, round, started_at, duration_us, outcome, http_status, endpoint, url, worker)
			select id, 1, 0, at, 1500, 'acknowledged', 200, endpoint, 'https://shop.example/', 'past' from past
		)
		insert into orderbell.finished (notification_id, round, state, attempt_count, finished_at)
		select id, 0, 'acknowledged', 1, at from past`
	fillWaiting = `
		with past as materialized (
			select orderbell.uuid7(at) as id, at, i, 'old-' || 1 + i % 1000 as endpoint
			from (select i, now() - random() * interval '1 day' as at from generate_series(1, $1::int) i) as moment
		), sent as (
			insert into orderbell.notification (id, created_at, endpoint, event, order_no, body)
			select id, at, endpoint, 'trade.success', lpad(i::text, 16, '0'), '{"trade_status":"TRADE_SUCCESS"}' from past
		)
		insert into orderbell.delivery (notification_id, endpoint, state, next_attempt_at, attempt_count, rung)
		select id, endpoint, 'pending', now() + interval '2 h' + random() * interval '1 day', 3, 3 from past`
)
