package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// makeShopOrder makes the business table.
const makeShopOrder = `create table shop_order (no text primary key, endpoint text not null, cents int not null)`

// How an order is written and how it ends follows from its number, by periods that
// have no common divisor, so that each kind meets each end. Rejected: chance, with
// which a short run may miss a kind.
func rollsBack(n int) bool      { return n%3 == 2 } // the whole order
func insertsPlainly(n int) bool { return n%4 == 1 } // as an ORM would
func notifiesTwice(n int) bool  { return n%5 == 3 } // two in one transaction
func takesBack(n int) bool      { return n%7 == 4 } // one, with a savepoint

// endpointOf spreads the orders over the endpoints, whatever their number's divisors.
func (s *shopkeeper) endpointOf(n int) string {
	const golden = 2654435769 // 2^32 divided by the golden ratio: neighbours fall far apart
	return s.Endpoints[int(uint32(n)*golden>>16)%len(s.Endpoints)]
}

// write is the order's transaction, short of its end. It notes the notifications in o.
func (s *shopkeeper) write(ctx context.Context, tx pgx.Tx, n int, o *Order) error {
	endpoint := s.endpointOf(n)
	if _, err := tx.Exec(ctx, "insert into shop_order (no, endpoint, cents) values ($1, $2, $3)", o.No, endpoint, 100+n); err != nil {
		return fmt.Errorf("write the order: %w", err)
	}
	if takesBack(n) {
		id, err := s.tryNotification(ctx, tx, n, endpoint, o.No)
		if err != nil {
			return err
		}
		o.Undone = append(o.Undone, id)
	}
	events := []string{"trade.success"}
	if notifiesTwice(n) {
		events = append(events, "trade.settled")
	}
	for _, event := range events {
		id, err := s.notify(ctx, tx, n, endpoint, event, o.No)
		if err != nil {
			return err
		}
		o.IDs = append(o.IDs, id)
	}
	return nil
}

// tryNotification writes one and takes it back.
func (s *shopkeeper) tryNotification(ctx context.Context, tx pgx.Tx, n int, endpoint, orderNo string) (string, error) {
	savepoint, err := tx.Begin(ctx)
	if err != nil {
		return "", fmt.Errorf("set a savepoint: %w", err)
	}
	id, err := s.notify(ctx, savepoint, n, endpoint, "trade.tried", orderNo)
	if err != nil {
		return "", err
	}
	if err := savepoint.Rollback(ctx); err != nil {
		return "", fmt.Errorf("roll back to the savepoint: %w", err)
	}
	return id, nil
}

func (s *shopkeeper) notify(ctx context.Context, tx pgx.Tx, n int, endpoint, event, orderNo string) (id string, err error) {
	if slices.Contains(s.Keyed, endpoint) {
		return notifyOnce(ctx, tx, endpoint, event, orderNo)
	}
	statement := "select orderbell.enqueue($1, $2, $3, $4)::text"
	if insertsPlainly(n) {
		statement = "insert into orderbell.notification (endpoint, event, order_no, body) values ($1, $2, $3, $4) returning id::text"
	}
	if err = tx.QueryRow(ctx, statement, endpoint, event, orderNo, fmt.Sprintf(`{"order_no":%q}`, orderNo)).Scan(&id); err != nil {
		return "", fmt.Errorf("write the notification: %w", err)
	}
	return id, nil
}

// notifyOnce enqueues with a dedupe key, and again: the second must be the first.
func notifyOnce(ctx context.Context, tx pgx.Tx, endpoint, event, orderNo string) (id string, err error) {
	const statement = "select orderbell.enqueue($1, $2, $3, '{}', dedupe_key => $2 || '/' || $3)::text"
	if err = tx.QueryRow(ctx, statement, endpoint, event, orderNo).Scan(&id); err != nil {
		return "", fmt.Errorf("write the notification: %w", err)
	}
	var again string
	if err = tx.QueryRow(ctx, statement, endpoint, event, orderNo).Scan(&again); err != nil {
		return "", fmt.Errorf("write the notification again: %w", err)
	}
	if again != id {
		return "", fmt.Errorf("%w: %s and %s", errTwoIDs, id, again)
	}
	return id, nil
}

// errTwoIDs is a fault that no database may have.
var errTwoIDs = errors.New("two notifications have one dedupe key")

// end commits or rolls back.
func end(ctx context.Context, tx pgx.Tx, n int) (Fate, error) {
	if rollsBack(n) {
		return RolledBack, tx.Rollback(ctx)
	}
	err := tx.Commit(ctx)
	if err == nil {
		return Committed, nil
	}
	var refused *pgconn.PgError
	if errors.Is(err, pgx.ErrTxCommitRollback) || (errors.As(err, &refused) && refused.Severity == "ERROR") {
		return Failed, err
	}
	// Also a FATAL: a server that shuts down says so after it has committed here and
	// while it waits for its standby.
	return Unknown, err
}

// explain notes why an order did not end as it should have.
func (o *Order) explain(err error) {
	if err == nil {
		return
	}
	o.Error = err.Error()
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		o.Code = refused.Code
	}
}
