package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// example is one order's history, as the views tell it.
type example struct {
	orderNo, endpoint, explanation string
	attempts                       []exampleAttempt
}

type exampleAttempt struct {
	Attempt   int
	StartedAt time.Time
	Outcome   string
	Error     string
}

// choose takes the committed order with the most requests, an acknowledged one if
// there is any: its history has the most to tell.
func choose(orders []order, requests []request) order {
	acknowledged := acknowledgements(requests)
	count := make(map[string]int)
	for _, r := range requests {
		count[r.id]++
	}
	var (
		chosen order
		best   = -1
	)
	for _, o := range orders {
		if o.fate != committed {
			continue
		}
		worth := count[o.id]
		if _, ok := acknowledged[subject{o.id, o.no}]; ok {
			worth += 1000
		}
		if worth > best {
			chosen, best = o, worth
		}
	}
	return chosen
}

// readExample reads an order's history; it is empty where there is no order.
func readExample(ctx context.Context, db *pgxpool.Pool, o order) (example, error) {
	if o.id == "" {
		return example{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	e := example{orderNo: o.no}
	err := db.QueryRow(ctx, "select endpoint, explanation from orderbell.notification_status where id = $1::text::uuid", o.id).
		Scan(&e.endpoint, &e.explanation)
	if errors.Is(err, pgx.ErrNoRows) {
		e.explanation = "the database has no such notification"
		return e, nil
	}
	if err != nil {
		return example{}, fmt.Errorf("read the history of order %s: %w", o.no, err)
	}
	rows, err := db.Query(ctx, `
		select attempt, started_at, outcome, coalesce(error, '')
		from orderbell.delivery_history where notification_id = $1::text::uuid order by attempt`, o.id)
	if err == nil {
		e.attempts, err = pgx.CollectRows(rows, pgx.RowToStructByPos[exampleAttempt])
	}
	if err != nil {
		return example{}, fmt.Errorf("read the attempts of order %s: %w", o.no, err)
	}
	return e, nil
}

// write tells the history, and how it is asked for in SQL. private: the database
// goes with the demo, so that only one of the reader's own can be asked.
func (e example) write(to io.Writer, private bool) {
	if e.orderNo == "" {
		return
	}
	say(to, "\nOne order's history (%s, merchant %s):\n", e.orderNo, e.endpoint)
	for _, a := range e.attempts {
		line := fmt.Sprintf("  attempt %d  %s  %s", a.Attempt, a.StartedAt.UTC().Format("15:04:05.000"), a.Outcome)
		if a.Error != "" {
			line += ": " + a.Error
		}
		say(to, "%s\n", line)
	}
	say(to, "  %s\n", e.explanation)
	where, orderNo := "The same in SQL", e.orderNo
	if private {
		where, orderNo = "The demo's database goes with it. The same in SQL, in a database of yours", "ORDER_NO"
	}
	say(to, `
%s:
  select state, explanation from orderbell.notification_status where order_no = '%[2]s';
  select * from orderbell.delivery_history where order_no = '%[2]s' order by attempt;
  select * from orderbell.backlog;
`, where, orderNo)
}
