package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ForeignError says that this database is a copy of the one that its notifications
// belong to: they may have been sent from there, and nothing is sent from here.
type ForeignError struct{ Here, Home string }

func (e *ForeignError) Error() string {
	return fmt.Sprintf("this database is %s, and its notifications belong to %s: nothing is sent from a copy", e.Here, e.Home)
}

// Remedy says what to do about it.
func (e *ForeignError) Remedy() string {
	return "if they are to be sent from here: orderbell adopt"
}

type identityRow struct{ Here, Home string }

// checkHome refuses a connection to a database that is a copy, with a *ForeignError.
// A running worker meets another database only by connecting anew.
func (db *DB) checkHome(ctx context.Context, conn *pgx.Conn) error {
	row, err := queryOne[identityRow](ctx, conn, "ask which database this is", sqlIdentify, pgx.StrictNamedArgs{})
	if err != nil {
		return err
	}
	if row.Here != row.Home {
		return &ForeignError{Here: row.Here, Home: row.Home}
	}
	db.here.Store(&row.Here)
	return nil
}

// stillHome looks at what a look saw: somebody may have said since that this is a copy.
// Then every connection is given up, and the next ones are refused.
func (db *DB) stillHome(home string) error {
	here := db.here.Load()
	if here == nil || home == "" || home == *here {
		return nil
	}
	db.reset()
	return &failure{"look for due rows", &ForeignError{Here: *here, Home: home}}
}

// Home returns a *ForeignError where this database is a copy, and nothing is sent.
func (db *DB) Home(ctx context.Context) error {
	row, err := queryOne[identityRow](ctx, db.reads, "ask which database this is", sqlHome, pgx.StrictNamedArgs{})
	if err == nil && row.Here != row.Home {
		err = &ForeignError{Here: row.Here, Home: row.Home}
	}
	return err
}

// Adopt makes this database the one that its notifications belong to: workers send
// from it within a second or two. It returns which one it was before, empty where no
// worker had ever run.
func (db *DB) Adopt(ctx context.Context) (here, before string, err error) {
	row, err := queryOne[identityRow](ctx, db.reads, "adopt this database", sqlAdopt, pgx.StrictNamedArgs{})
	return row.Here, row.Home, err
}
