package bench

import (
	"context"
	"fmt"
	"strings"
)

// bodyBytes is how long a notification's body is.
const bodyBytes = 500

// bodySQL makes a JSON object of bodyBytes about order number i.
const bodySQL = `rpad(format('{"order_no":"%s","trade_status":"TRADE_SUCCESS","pad":"', lpad(i::text, 16, '0')), 498, 'x') || '"}'`

// orderBody is one such body.
func orderBody() string {
	const begin, end = `{"order_no":"0000000000000000","trade_status":"TRADE_SUCCESS","pad":"`, `"}`
	return begin + strings.Repeat("x", bodyBytes-len(begin)-len(end)) + end
}

// chunk is how many rows one statement preloads.
const chunk = 50_000

// endpoints adds count endpoints named prefix-1 and so on, all at one URL.
func (d *database) endpoints(ctx context.Context, prefix string, count int, url string) error {
	return d.run(ctx, "add endpoints", `
		insert into orderbell.endpoint (id, url) select format('%s-%s', $1::text, i), $3 from generate_series(1, $2::int) i
		on conflict (id) do update set url = excluded.url`, prefix, count, url)
}

// preload writes rows that are due now, for the endpoints prefix-1 to
// prefix-count in turn, as a shop would: by INSERT, with the trigger.
func (d *database) preload(ctx context.Context, prefix string, count, rows int) error {
	for first := 1; first <= rows; first += chunk {
		if err := d.run(ctx, "preload notifications", `
			insert into orderbell.notification (endpoint, event, order_no, body)
			select format('%s-%s', $1::text, 1 + i % $2::int), 'trade.success', lpad(i::text, 16, '0'), `+bodySQL+`
			from generate_series($3::int, $4::int) i`, prefix, count, first, min(first+chunk-1, rows)); err != nil {
			return err
		}
	}
	return d.run(ctx, "analyze", "analyze orderbell.notification, orderbell.delivery")
}

// prepare clears the tables and preloads them. The checkpoint comes before the
// rows, as in a database that works: rows are delivered soon after they were
// written, and their pages have been in the log since the last checkpoint.
func (d *database) prepare(ctx context.Context, prefix string, count, rows int) error {
	if err := d.clear(ctx); err != nil {
		return err
	}
	if err := d.settleDown(ctx); err != nil {
		return err
	}
	return d.preload(ctx, prefix, count, rows)
}

// unfinished tells whether an endpoint named after prefix has unfinished rows.
func (d *database) unfinished(ctx context.Context, prefix string) (bool, error) {
	return ask[bool](ctx, d, "look for unfinished rows", `
		select exists (select from orderbell.delivery where endpoint > $1 || '-' and endpoint < $1 || '.')`, prefix)
}

// acknowledged fails unless exactly so many notifications have ended well.
func (d *database) acknowledged(ctx context.Context, want int) error {
	found, err := ask[int](ctx, d, "count what is finished", "select count(*) from orderbell.finished where state = 'acknowledged'")
	if err == nil && found != want {
		err = fmt.Errorf("%d notifications were acknowledged, of %d", found, want)
	}
	return err
}
