package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// HookRow is a hook as `orderbell hook list` shows it.
type HookRow struct {
	Name     string `json:"name"`
	Function string `json:"function"`        // schema.function; empty where it was dropped
	Fault    string `json:"fault,omitempty"` // why the user who asks could not call it
}

// AddHook makes a function (text, text) returns void of the database a hook, or the one
// that the hook of this name calls from now on. added tells that the name is new; named is
// false, and nothing is done, where function has not the form schema.function.
func (db *DB) AddHook(ctx context.Context, name, function string) (added, named bool, err error) {
	rows, err := query[struct{ Added bool }](ctx, db.reads, "add hook "+name, sqlAddHook,
		pgx.StrictNamedArgs{"name": name, "function": function})
	if err != nil || len(rows) == 0 {
		return false, false, err
	}
	return rows[0].Added, true, nil
}

// ListHooks returns every hook, by name.
func (db *DB) ListHooks(ctx context.Context) ([]HookRow, error) {
	return query[HookRow](ctx, db.reads, "list hooks", sqlListHooks, pgx.StrictNamedArgs{})
}

// HookRemoval is what came of removing a hook.
type HookRemoval struct {
	Removed bool
	Owing   int64    // rows that have come to their end and wait for it: they keep it
	Names   []string // of the hooks that there were
}

// RemoveHook removes a hook that no row waits for. Unfinished notifications may still name
// it: they are kept when they come to their end, until there is a hook of this name again.
func (db *DB) RemoveHook(ctx context.Context, name string) (HookRemoval, error) {
	return queryOne[HookRemoval](ctx, db.reads, "remove hook "+name, sqlRemoveHook, pgx.StrictNamedArgs{"name": name})
}
