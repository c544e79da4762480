package bench

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// poll is the forum's way, done well: one wide table; every second whatever is due
// is read and sent by 64 goroutines, each of which updates its row.
type poll struct {
	rig *rig
	db  *database
}

// forumRow is a message that is due.
type forumRow struct {
	ID    int64
	URL   string
	Body  string
	Times int
}

// preload fills the table with messages that are due.
func (p poll) preload(ctx context.Context, rows int) error {
	if err := p.db.clear(ctx); err != nil {
		return err
	}
	if err := p.db.settleDown(ctx); err != nil {
		return err
	}
	if err := p.db.run(ctx, "preload the poll's table", `
		insert into bench.forum_notification (order_no, url, body)
		select lpad(i::text, 16, '0'), $1, `+bodySQL+` from generate_series(1, $2::int) i`, p.rig.answering(0), rows); err != nil {
		return err
	}
	return p.db.run(ctx, "analyze", "analyze bench.forum_notification")
}

// drain sends what was preloaded, and returns how many a second, from the first
// arrival to the last update.
func (p poll) drain(ctx context.Context, rows int) (float64, error) {
	if err := p.rig.merchant.Reset(); err != nil {
		return 0, err
	}
	for sent := 0; sent < rows; {
		n, err := p.round(ctx)
		if err != nil {
			return 0, err
		}
		sent += n
	}
	end := time.Now()
	count, err := p.rig.merchant.Count()
	return perSecond(rows, end.Sub(time.Unix(0, count.First))), err
}

// run polls until ctx ends: again at once while there is something due, else at
// the next second.
func (p poll) run(ctx context.Context) error {
	for ctx.Err() == nil {
		sent, err := p.round(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if sent == 0 {
			next := time.Now().Truncate(time.Second).Add(time.Second)
			_ = pause(ctx, time.Until(next))
		}
	}
	return nil
}

// round sends all that is due now.
func (p poll) round(ctx context.Context) (int, error) {
	rows, err := p.db.pool.Query(ctx, `
		select id, url, body, times from bench.forum_notification
		where state = 'waiting' and next_time <= now() order by next_time`)
	if err != nil {
		return 0, fmt.Errorf("poll: %w", err)
	}
	due, err := pgx.CollectRows(rows, pgx.RowToStructByName[forumRow])
	if err != nil {
		return 0, fmt.Errorf("poll: %w", err)
	}
	queue := make(chan forumRow, len(due))
	for _, row := range due {
		queue <- row
	}
	close(queue)
	all, ctx := errgroup.WithContext(ctx)
	for range yardstickInFlight {
		all.Go(func() error {
			for row := range queue {
				if err := p.send(ctx, row); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return len(due), all.Wait()
}

func (p poll) send(ctx context.Context, row forumRow) error {
	to, err := url.Parse(row.URL)
	if err != nil {
		return fmt.Errorf("read the URL: %w", err)
	}
	if err := post(ctx, p.rig.client, to, fmt.Sprint(row.ID), row.Body); err != nil {
		return err
	}
	return p.db.run(ctx, "update a message", `
		update bench.forum_notification set state = 'acknowledged', times = $2 where id = $1`, row.ID, row.Times+1)
}
