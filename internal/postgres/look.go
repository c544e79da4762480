package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

type lookRow struct {
	At        time.Time
	Owed      bool
	Endpoints []string
	Suspects  []string
	ReachedTo time.Time
	NextDue   *time.Duration
	Poll      bool
	Home      string
}

// Look says which endpoints have a row that fell due since the last look, and
// when the next one will. The bell learns from each look whether commits ring.
func (db *DB) Look(ctx context.Context, since time.Time) (outbox.Look, error) {
	row, err := queryOne[lookRow](ctx, db.claims, "look for due rows", sqlLook, pgx.StrictNamedArgs{"since": since, "free": outbox.FreeUnknowns})
	if err != nil {
		return outbox.Look{}, err
	}
	if err := db.stillHome(row.Home); err != nil {
		return outbox.Look{}, err
	}
	db.wake.see(row.Poll)
	return outbox.Look{
		At: row.At, Endpoints: row.Endpoints, Suspects: row.Suspects, From: row.ReachedTo, NextDue: orZero(row.NextDue), Owed: row.Owed,
	}, nil
}

type fullLookRow struct {
	At           time.Time
	Owed, Queued bool
	Endpoints    []string
	Suspects     []string
	Lapsed       bool
	NextLeaseEnd *time.Duration
	OwnLeaseEnd  *time.Duration
	NextProbe    *time.Duration
	NextDue      *time.Duration
	Poll         bool
	Home         string
}

// FullLook says which endpoints have a row due, however long already. It may take long,
// and has connections of its own, so that claims go on beside it.
func (db *DB) FullLook(ctx context.Context) (outbox.Look, error) {
	pool := db.reads
	if db.here.Load() == nil {
		pool = db.claims // which ask first where they are
	}
	row, err := queryOne[fullLookRow](ctx, pool, "look for all due rows", sqlFullLook, pgx.StrictNamedArgs{"free": outbox.FreeUnknowns, "holder": db.holder})
	if err != nil {
		return outbox.Look{}, err
	}
	if err := db.stillHome(row.Home); err != nil {
		return outbox.Look{}, err
	}
	db.wake.see(row.Poll)
	return outbox.Look{
		At: row.At, Endpoints: row.Endpoints, Suspects: row.Suspects, NextDue: orZero(row.NextDue), Owed: row.Owed, Queued: row.Queued,
		Lapsed: row.Lapsed, NextLeaseEnd: orZero(row.NextLeaseEnd), OwnLeaseEnd: orZero(row.OwnLeaseEnd), NextProbe: orZero(row.NextProbe),
	}, nil
}

func orZero(d *time.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return *d
}
