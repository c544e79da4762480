package postgres

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// hearing is how long a ring of our own may be on its way.
const hearing = 3 * time.Second

// unheardError says why the bell cannot be heard though all connections work.
type unheardError struct{ why, remedy string }

func (e *unheardError) Error() string { return e.why }

// test begins to listen, and returns an *unheardError where the bell would not be
// heard: it rings for this session alone, and takes a lock of its own, as an order
// and a sleeper do. What arrives for everybody meanwhile is forgotten: whoever
// begins to hear looks once anyway.
func (b *Bell) test(ctx context.Context, listening, locking *pgx.Conn) error {
	number := testNumber()
	channel := fmt.Sprintf("orderbell_test_%d", -int64(number))
	key := fmt.Sprintf("%s, %d", lockClass, number)
	if _, err := listening.Exec(ctx, "/* orderbell:listen */ listen orderbell; listen "+changeChannel+"; listen "+channel); err != nil {
		return &failure{"listen", err}
	}
	if _, err := locking.Exec(ctx, "/* orderbell:test */ select pg_advisory_lock("+key+")"); err != nil {
		return &failure{"test the sleeper's lock", err}
	}
	rung, err := queryOne[testedRow](ctx, b.db.reads, "test the bell", sqlTestBell,
		pgx.StrictNamedArgs{"channel": channel, "key": number})
	if err != nil {
		return err
	}
	heard, err := hears(ctx, listening, channel)
	if err != nil {
		return err
	}
	if _, err := listening.Exec(ctx, "/* orderbell:listen */ unlisten "+channel); err != nil {
		return &failure{"listen", err}
	}
	if err := unlock(ctx, locking, key); err != nil {
		return err
	}
	return verdict(heard, rung.LockSeen)
}

type testedRow struct {
	LockSeen bool
	Rung     string
}

func verdict(heard, seen bool) error {
	switch {
	case !heard && !seen:
		return &unheardError{why: "it is heard in another database than orders are written to"}
	case !heard:
		return &unheardError{why: "a ring of its own did not arrive"}
	case !seen:
		return &unheardError{why: "the sleeper's lock is not seen by others"}
	}
	return nil
}

// testNumber is unlike that of any other test; negative, so that no lock of ours
// has it.
func testNumber() int32 {
	var bytes [4]byte
	_, _ = rand.Read(bytes[:]) // never fails
	return ^int32(binary.BigEndian.Uint32(bytes[:]) >> 2)
}

// hears waits for the ring of the test.
func hears(ctx context.Context, conn *pgx.Conn, channel string) (bool, error) {
	waiting, cancel := context.WithTimeout(ctx, hearing)
	defer cancel()
	for {
		notification, err := conn.WaitForNotification(waiting)
		switch {
		case err == nil && notification.Channel == channel:
			return true, nil
		case err == nil:
		case ctx.Err() == nil && pgconn.Timeout(err) && !conn.IsClosed():
			return false, nil
		default:
			return false, &failure{"listen", err}
		}
	}
}
