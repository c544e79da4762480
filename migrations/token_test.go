package migrations_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// Who may do what with tokens, which open a merchant's notifications.
func TestRightsToTokens(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Database(t))
	execute(t, conn, "insert into orderbell.endpoint values ('m-1', 'http://shop.example/')")
	const (
		add    = "select orderbell.add_token('m-1', sha256('x'), 'abcd', '1 h')"
		revoke = "select orderbell.revoke_token('m-1', 'abcd')"
		find   = "select orderbell.token_endpoint(sha256('x'))"
	)
	allowed := map[string][]string{
		"orderbell_producer": {},
		"orderbell_reader":   {},
		"orderbell_worker":   {find},
		"orderbell_operator": {add, revoke, "select endpoint, hint, created_at, created_by, expires_at from orderbell.token"},
	}
	for role, may := range allowed {
		for _, statement := range []string{
			add, revoke, find, "select endpoint, hint, created_at, created_by, expires_at from orderbell.token",
			"select hash from orderbell.token", "delete from orderbell.token", "update orderbell.token set expires_at = null",
			"insert into orderbell.token (hash, endpoint, hint) values (sha256('x'), 'm-1', 'abcd')",
		} {
			err := as(t, conn, role, statement)
			var refused *pgconn.PgError
			denied := errors.As(err, &refused) && refused.Code == "42501"
			if should := strings.Contains(strings.Join(may, "\n"), statement); should && err != nil || !should && !denied {
				t.Errorf("%s: %s: allowed should be %t, and it said: %v", role, statement, should, err)
			}
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Database(t))
	execute(t, conn, "insert into orderbell.endpoint values ('m-1', 'http://shop.example/'), ('m-2', 'http://shop.example/')")
	const of = "select coalesce(orderbell.token_endpoint(sha256($1)), '')"
	until := scan[time.Time](t, conn, "select orderbell.add_token('m-1', sha256('a'), 'aaaa', '1 h')")
	if left := time.Until(until); left < 30*time.Minute || left > 90*time.Minute {
		t.Errorf("it is good for %s", left)
	}
	if forever := scan[*time.Time](t, conn, "select orderbell.add_token('m-2', sha256('b'), 'aaaa')"); forever != nil {
		t.Errorf("it is good until %s", forever)
	}
	for token, endpoint := range map[string]string{"a": "m-1", "b": "m-2", "c": ""} {
		if got := scan[string](t, conn, of, []byte(token)); got != endpoint {
			t.Errorf("%s is a token of %q", token, got)
		}
	}
	for statement, code := range map[string]string{
		"select orderbell.add_token('m-1', sha256('d'), 'aaaa')":     "23505",
		"select orderbell.add_token('m-2', sha256('a'), 'bbbb')":     "23505",
		"select orderbell.add_token('m-1', '\\x01', 'bbbb')":         "23514",
		"select orderbell.add_token('m-1', sha256('d'), 'too long')": "23514",
		"select orderbell.add_token('nobody', sha256('d'), 'bbbb')":  "23503",
		"select orderbell.add_token('m-1', null, 'bbbb')":            "23502",
	} {
		_, err := conn.Exec(t.Context(), statement)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != code {
			t.Errorf("%s: %v, want %s", statement, err, code)
		}
	}
	if scan[bool](t, conn, "select orderbell.revoke_token('m-1', 'bbbb')") || !scan[bool](t, conn, "select orderbell.revoke_token('m-2', 'aaaa')") {
		t.Error("the wrong tokens are revoked")
	}
	if got := scan[string](t, conn, of, []byte("b")) + scan[string](t, conn, of, []byte("a")); got != "m-1" {
		t.Errorf("left is a token of %q", got)
	}
}

// The days that are there get the index, and so do those that are made later.
func TestEveryDayListsByEndpoint(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Database(t))
	execute(t, conn, "select orderbell.make_partitions(20)")
	const bare = `select count(*) from pg_inherits d where d.inhparent = 'orderbell.notification'::regclass and not exists (
		select from pg_index i join pg_inherits x on x.inhrelid = i.indexrelid
		where i.indrelid = d.inhrelid and x.inhparent = 'orderbell.notification_endpoint'::regclass and i.indisvalid)`
	const twice = `select count(*) from (select indrelid from pg_index i where pg_get_indexdef(indexrelid) like '%left%' group by indrelid having count(*) > 1) d`
	if n := scan[int](t, conn, bare) + scan[int](t, conn, twice); n != 0 {
		t.Errorf("%d days have no such index, or two", n)
	}
}
