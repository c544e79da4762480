package chaos

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// SQL runs a statement, on a connection of its own: the database may have been
// restarted since the last one.
func (h *House) SQL(statement string, args ...any) {
	h.t.Helper()
	if err := h.connected(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, statement, args...)
		return err
	}); err != nil {
		h.t.Fatalf("run %q: %v", statement, err)
	}
}

// Text reads one value as text.
func (h *House) Text(query string, args ...any) string {
	h.t.Helper()
	text, err := h.text(query, args...)
	if err != nil {
		h.t.Fatal(err)
	}
	return text
}

func (h *House) text(query string, args ...any) (text string, err error) {
	err = h.connected(func(ctx context.Context, conn *pgx.Conn) error {
		row := conn.QueryRow(ctx, "select coalesce(v::text, '') from ("+query+") as q (v)", args...)
		if err := row.Scan(&text); err != nil {
			return fmt.Errorf("ask %q: %w", query, err)
		}
		return nil
	})
	return text, err
}

// Becomes waits until a query's one value is this.
func (h *House) Becomes(want, query string, args ...any) {
	h.t.Helper()
	pgtest.Eventually(h.t, patience, fmt.Sprintf("%s to be %s", query, want), func() error {
		got, err := h.text(query, args...)
		if err == nil && got != want {
			err = errors.New("it is " + got)
		}
		return err
	})
}

func (h *House) connected(use func(context.Context, *pgx.Conn) error) error {
	// Not the test's context alone: a merchant's hook may ask while the test ends.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.t.Context()), patience)
	defer cancel()
	return connected(ctx, h.URL, func(conn *pgx.Conn) error { return use(ctx, conn) })
}
