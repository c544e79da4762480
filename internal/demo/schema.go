package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ours is the comment by which the demo knows its own schema again.
const ours = "Orders of orderbell demo; may be dropped."

// business is the sample schema: orders, payments, and the functions that hooks and
// actions call.
//
//go:embed shop.sql
var business string

// makeBusiness makes the shop's schema, unless a demo has made it before: then it stays as
// it is, since the scene that can meet it needs nothing but orders. A schema of that name
// that is somebody's own is left alone.
func makeBusiness(ctx context.Context, tx pgx.Tx) error {
	var exists, isOurs bool
	err := tx.QueryRow(ctx, `
		select to_regnamespace('shop') is not null,
		       coalesce(obj_description(to_regnamespace('shop'), 'pg_namespace') = $1, false)`, ours).Scan(&exists, &isOurs)
	switch {
	case err != nil:
		return fmt.Errorf("look for the schema shop: %w", err)
	case isOurs:
		return nil
	case exists:
		return errors.New("this database has a schema shop that no demo has made; it is left alone")
	}
	for _, step := range []string{business, "comment on schema shop is '" + ours + "'"} {
		// Several statements at once, which only the simple protocol takes.
		if _, err := tx.Conn().PgConn().Exec(ctx, step).ReadAll(); err != nil {
			return fmt.Errorf("make the schema shop: %w", err)
		}
	}
	return nil
}
