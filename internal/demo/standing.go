package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// readStandings asks the database where the notifications of the committed
// orders stand. The range of ids keeps it to the partitions of this run.
func readStandings(ctx context.Context, db *pgxpool.Pool, run string, orders []order) ([]standing, error) {
	first, last := "", ""
	for _, o := range orders {
		if o.fate != committed {
			continue
		}
		if first == "" || o.id < first {
			first = o.id
		}
		last = max(last, o.id)
	}
	if first == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	rows, err := db.Query(ctx, `
		select id::text, order_no, coalesce(state, ''), attempt_count, rung
		from orderbell.notification_status
		where id between $1::text::uuid and $2::text::uuid and starts_with(order_no, $3)`, first, last, run)
	if err != nil {
		return nil, fmt.Errorf("read where the notifications stand: %w", err)
	}
	standings, err := pgx.CollectRows(rows, pgx.RowToStructByPos[standing])
	if err != nil {
		return nil, fmt.Errorf("read where the notifications stand: %w", err)
	}
	return standings, nil
}

// unfinished counts the notifications that are in flight, and that wait on each
// rung; at 0 are those whose first attempt is to come.
type unfinished struct {
	inFlight int
	waiting  []int
}

func (u unfinished) all() int {
	n := u.inFlight
	for _, w := range u.waiting {
		n += w
	}
	return n
}

// readUnfinished counts the merchants' notifications, those of earlier runs too.
func readUnfinished(ctx context.Context, db *pgxpool.Pool, of []temper) (unfinished, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	endpoints := make([]string, len(of))
	for i, t := range of {
		endpoints[i] = t.endpoint
	}
	u := unfinished{waiting: make([]int, len(policyLadder())+1)}
	rows, err := db.Query(ctx, `
		select state = 'in_flight', rung::integer, count(*)::integer
		from orderbell.delivery where endpoint = any ($1) group by 1, 2`, endpoints)
	if err != nil {
		return u, fmt.Errorf("count what is unfinished: %w", err)
	}
	var (
		flying      bool
		rung, count int
	)
	_, err = pgx.ForEachRow(rows, []any{&flying, &rung, &count}, func() error {
		if flying {
			u.inFlight += count
		} else {
			u.waiting[min(rung, len(u.waiting)-1)] += count
		}
		return nil
	})
	if err != nil {
		return u, fmt.Errorf("count what is unfinished: %w", err)
	}
	return u, nil
}
