package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// firstRetry follows the loss of a session. Where the bell cannot be had though
	// the database answers, the pause doubles up to lastRetry.
	firstRetry = 500 * time.Millisecond
	lastRetry  = time.Minute
)

// Bell wakes a sleeping worker. Whoever sleeps holds an advisory lock
// exclusively, or waits for it; an order's trigger, which tries it shared, then
// fails to get it and notifies. Being granted the lock means that every
// transaction that did not notify has ended: one more look sees their rows, and
// no wake-up can be lost.
//
// The bell is a hint. While Live is false, look every second.
type Bell struct {
	db                 *DB
	listening, locking *pgx.ConnConfig
	tell               func(Hearing)

	live    atomic.Bool
	changes atomic.Uint64
	rung    chan struct{}
	slumber *slumber
}

// Hearing is how a worker learns that something is due.
type Hearing struct {
	// Wake is WakeBell, or WakePoll where the worker must look every second.
	Wake string
	// Unheard says why the bell cannot be heard; empty where it can, and where the
	// setting asks for WakePoll.
	Unheard string
	// Remedy says what to do about that, where it is not the way to the database.
	Remedy string
}

func unheard(err error) Hearing {
	h := Hearing{Wake: WakePoll, Unheard: err.Error()}
	var deaf *unheardError
	if errors.As(err, &deaf) {
		h.Remedy = deaf.remedy
	}
	return h
}

// NewBell prepares a bell; Run makes it ring. url reaches db's database for LISTEN
// and for session locks, which a pooler in transaction mode has not. Whether db's
// database wants to be rung the bell learns from the looks that db makes. tell is
// called when the way of hearing is known, and when it changes.
func NewBell(db *DB, url string, tell func(Hearing)) (*Bell, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the database URL for listening: %w", withoutPassword(err))
	}
	pin(config, db.worker)
	reach(config, db.silent)
	writable(config)
	// Waiting is what these connections are for.
	config.RuntimeParams["statement_timeout"] = "0"
	config.RuntimeParams["lock_timeout"] = "0"
	return &Bell{
		db: db, listening: config, locking: forLocking(config), tell: tell,
		rung: make(chan struct{}, 1), slumber: newSlumber(),
	}, nil
}

// Rung is signalled when somebody has rung, when the lock has been granted, and
// when the bell has begun or ceased to be heard: reasons to look.
func (b *Bell) Rung() <-chan struct{} { return b.rung }

// Changes counts how often endpoints or policies may have changed: what was read of them
// before it moved is old. Rung is signalled each time. It stands still while the bell
// cannot be heard.
func (b *Bell) Changes() uint64 { return b.changes.Load() }

// Live tells whether the bell can be heard: the database wants it rung, both
// sessions are up, and they have passed their test.
func (b *Bell) Live() bool { return b.live.Load() }

// Sleep makes every commit ring from soon on. As long as there may be one that did
// not, Rung is signalled once more: the worker may sleep until then, and must look.
func (b *Bell) Sleep() { b.slumber.begin() }

// Wake lets commits be silent again, if the worker stays awake.
func (b *Bell) Wake() { b.slumber.end() }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run listens, and holds the lock while the worker sleeps, until ctx ends; lost
// connections come back by themselves, and are tested again. While the database is
// set to poll there is nothing to hear, and no connection.
func (b *Bell) Run(ctx context.Context) {
	var last Hearing
	say := func(hearing Hearing) {
		if ctx.Err() == nil && hearing != last {
			last = hearing
			b.tell(hearing)
		}
	}
	failed := 0 // times in a row, while the database answered
	for ctx.Err() == nil {
		word, changed := b.db.wake.last()
		pause := time.Duration(math.MaxInt64) // until something changes
		switch word {
		case WakePoll:
			say(Hearing{Wake: WakePoll})
			failed = 0
		case WakeBell:
			lived, err := b.hear(ctx, changed, say)
			if lived {
				failed = 0
			}
			if failed, err = b.judge(ctx, failed, err); err != nil {
				say(unheard(err))
			}
			pause = min(firstRetry<<min(max(failed-1, 0), 10), lastRetry)
			if errors.Is(err, errShortage) {
				pause = lastRetry
			}
		}
		rest(ctx, pause, changed)
	}
}

// judge returns how often in a row the bell could not be heard for a reason of its
// own, and that reason once it is for sure. Where the database as a whole is away,
// the worker's other connections say so.
func (b *Bell) judge(ctx context.Context, failed int, err error) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err == nil || b.db.Ping(ctx) != nil {
		return 0, nil
	}
	failed++
	var deaf *unheardError
	if failed == 1 && !errors.As(err, &deaf) {
		return failed, nil // a session that was lost, or a database that is just back
	}
	return failed, err
}

// rest waits until the pause is over or something has changed.
func rest(ctx context.Context, pause time.Duration, changed <-chan struct{}) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-timer.C:
	}
}
