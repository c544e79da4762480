package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// heartbeat is how long the listening session may be quiet before it makes sure
	// that somebody is there at the other end.
	heartbeat = time.Minute
	// changeChannel is where the triggers of endpoint and policy tell of changes.
	changeChannel = "orderbell_change"
	// farewell bounds the end of a connection.
	farewell = time.Second
)

// hear connects both sessions, tests them, and serves them until one is lost, the
// setting is changed, or ctx ends. Both go together: one path leads to both, and
// each alone is of no use. It returns whether the bell was live.
func (b *Bell) hear(ctx context.Context, changed <-chan struct{}, say func(Hearing)) (lived bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	select {
	case <-b.db.shortage: // of before: it may be over
	default:
	}
	listening, err := connect(ctx, b.listening)
	if err != nil {
		return false, err
	}
	defer part(ctx, listening)
	locking, err := connect(ctx, b.locking)
	if err != nil {
		return false, err
	}
	defer part(ctx, locking)
	if err := b.test(ctx, listening, locking); err != nil {
		return false, err
	}
	var sessions sync.WaitGroup
	ended := make(chan error, 2)
	sessions.Go(func() { ended <- b.listen(ctx, listening) })
	sessions.Go(func() { ended <- b.holdLock(ctx, locking) })
	b.changes.Add(1) // before it was listening, or in the midst of the test
	b.live.Store(true)
	say(Hearing{Wake: WakeBell})
	signal(b.rung)
	select {
	case err = <-ended:
	case <-changed:
	case <-b.db.shortage:
		err = errShortage
	}
	b.live.Store(false)
	signal(b.rung) // the worker learns that the bell is silent
	cancel()
	sessions.Wait()
	return true, err
}

// errShortage gives the bell's two connections to those that claim and settle.
var errShortage = &unheardError{
	why:    "the server has too few connections for this worker",
	remedy: "leave eight for each worker; see max_connections and the role's connection limit",
}

func connect(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, &failure{"connect for listening", err}
	}
	return conn, nil
}

func part(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	_ = conn.Close(ctx) // an error says no more than that it was lost
}

// listen passes on what it hears. A connection that is there no more is noticed by
// the heartbeat after a quiet minute.
func (b *Bell) listen(ctx context.Context, conn *pgx.Conn) error {
	for {
		quiet, cancel := context.WithTimeout(ctx, heartbeat)
		heard, err := conn.WaitForNotification(quiet)
		cancel()
		switch {
		case err == nil:
			// A change may also make parked rows sendable: a reason to look.
			if heard.Channel == changeChannel {
				b.changes.Add(1)
			}
			signal(b.rung)
		case ctx.Err() != nil || !pgconn.Timeout(err):
			return &failure{"listen", err}
		default:
			answer, cancel := context.WithTimeout(ctx, patience)
			_, err := conn.Exec(answer, "/* orderbell:heartbeat */ select")
			cancel()
			if err != nil {
				return &failure{"listen", err}
			}
		}
	}
}
