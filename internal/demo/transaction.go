package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// orderTimeout bounds one transaction of the shop.
const orderTimeout = 5 * time.Second

// transact runs one transaction of the shop and says what became of it. It is written to
// the end also when the shop is closing: one that is cut off would be of unknown fate.
// rollBack: the shop changes its mind after everything was written.
func transact(ctx context.Context, db *pgxpool.Pool, rollBack bool, do func(context.Context, pgx.Tx) error) (fate, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), orderTimeout)
	defer cancel()
	tx, err := db.Begin(ctx)
	if err != nil {
		return failed, fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // does nothing after COMMIT
	if err := do(ctx, tx); err != nil {
		return failed, err
	}
	if rollBack {
		return rolledBack, nil
	}
	err = tx.Commit(ctx)
	switch {
	case err == nil:
		return committed, nil
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return failed, fmt.Errorf("commit: %w", err)
	}
	return unknown, fmt.Errorf("commit: %w", err)
}

// rollsBack is one order in five.
func rollsBack(n int) bool { return n%5 == 4 }

// complaints tells of errors, each once until it changes.
type complaints struct {
	log *slog.Logger

	mu   sync.Mutex
	said string
}

func (c *complaints) tell(err error) {
	if err == nil {
		return
	}
	cause := err
	for errors.Unwrap(cause) != nil {
		cause = errors.Unwrap(cause)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.said != cause.Error() {
		c.said = cause.Error()
		c.log.Error("the shop could not place an order; it goes on", "error", err)
	}
}

// steadily begins a life for each number, so many a second, until ctx ends, and returns
// when all are over. At most 64 go on at the same time; then it waits.
func steadily(ctx context.Context, perSecond int, life func(n int)) {
	var lives sync.WaitGroup
	defer lives.Wait()
	room := make(chan struct{}, 64)
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		select {
		case <-ctx.Done():
			return
		case room <- struct{}{}:
		}
		lives.Go(func() {
			defer func() { <-room }()
			life(n)
		})
	}
}

// pause waits; false where ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
