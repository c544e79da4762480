package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// writtenOrder is what the database has of an order.
type writtenOrder struct {
	OrderNo   string
	CreatedAt time.Time
	// ID is one of its notifications, empty where it has none; Notifications is how many.
	ID            string
	Notifications int
}

func readWritten(ctx context.Context, db *pgxpool.Pool, run string) (map[string]writtenOrder, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	rows, err := db.Query(ctx, `
		select o.order_no, o.created_at, coalesce(min(n.id::text), ''), count(n.id)::integer
		from shop.orders o left join orderbell.notification n on n.order_no = o.order_no
		where starts_with(o.order_no, $1) group by o.order_no, o.created_at`, run)
	if err != nil {
		return nil, fmt.Errorf("read the orders that were scanned: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[writtenOrder])
	if err != nil {
		return nil, fmt.Errorf("read the orders that were scanned: %w", err)
	}
	of := make(map[string]writtenOrder, len(list))
	for _, o := range list {
		of[o.OrderNo] = o
	}
	return of, nil
}

// scanRun is a run that has finished, as its record says.
type scanRun struct {
	Scan               string
	StartedAt, EndedAt time.Time
	Result             string
	Rows, Enqueued     int
}

func readRuns(ctx context.Context, db *pgxpool.Pool) ([]scanRun, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	rows, err := db.Query(ctx, `
		select scan, started_at, finished_at, result, coalesce(rows, 0)::integer, coalesce(enqueued, 0)::integer
		from orderbell.scan_run where scan in ($1, $2) and finished_at is not null order by id`, scanMissed, scanGaps)
	if err != nil {
		return nil, fmt.Errorf("read the runs of scans: %w", err)
	}
	runs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[scanRun])
	if err != nil {
		return nil, fmt.Errorf("read the runs of scans: %w", err)
	}
	return runs, nil
}

// complete gives orders whose notification was forgotten the one that a scan wrote. Those
// that have none yet are left out, and counted.
func complete(sold []order, written map[string]writtenOrder) (orders []order, without int) {
	for _, o := range sold {
		if o.id == "" && o.fate == committed {
			if o.id = written[o.no].ID; o.id == "" {
				without++
				continue
			}
		}
		orders = append(orders, o)
	}
	return orders, without
}
