package migrations_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/pgtest"
)

var update = flag.Bool("update", false, "write testdata/schema.txt anew")

// The golden file shows in a review what the contract now is.
func TestSchemaIsTheGoldenOne(t *testing.T) {
	t.Parallel()
	got := describe(t, connect(t, pgtest.Database(t)))
	golden := filepath.Join("testdata", "schema.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("the schema is no longer testdata/schema.txt (-file +database); if that is meant: go test ./migrations -update\n%s", diff)
	}
}

// describe writes the schema down, the same on every version of PostgreSQL.
func describe(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	query, err := os.ReadFile(filepath.Join("testdata", "schema.sql"))
	if err != nil {
		t.Fatal(err)
	}
	// Names and intervals are written as the session has them.
	for _, pinned := range []string{"set search_path = pg_catalog", "set intervalstyle = postgres", "set timezone = 'UTC'"} {
		execute(t, conn, pinned)
	}
	rows, err := conn.Query(t.Context(), string(query))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n") + "\n"
}

// What a person may call or read says what it is.
func TestWhatIsPublicHasAComment(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Database(t))
	public := []string{
		"enqueue", "cancel", "release", "replay", "replay_matching", "pause", "resume",
		"schema_version", "uuid7", "uuid7_floor", "make_partitions", "ring",
	}
	// Columns whose name says it all.
	obvious := []string{
		"policy.name", "endpoint.id", "notification.created_at",
		"delivery.notification_id", "delivery.state", "delivery.endpoint",
	}
	rows, err := conn.Query(t.Context(), `
		select 'relation ' || c.relname from pg_class c
		where c.relnamespace = 'orderbell'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
		  and c.relname <> 'goose_db_version' and obj_description(c.oid, 'pg_class') is null
		union all
		select 'type ' || t.typname from pg_type t
		where t.typnamespace = 'orderbell'::regnamespace and t.typtype = 'e' and obj_description(t.oid, 'pg_type') is null
		union all
		select 'function ' || wanted from unnest($1::text[]) wanted
		where not exists (
		  select from pg_proc p
		  where p.pronamespace = 'orderbell'::regnamespace and p.proname = wanted and obj_description(p.oid, 'pg_proc') is not null)
		union all
		select 'column ' || c.relname || '.' || a.attname from pg_class c
		join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
		where c.relnamespace = 'orderbell'::regnamespace and c.relname in ('policy', 'endpoint', 'notification', 'delivery')
		  and col_description(c.oid, a.attnum) is null and c.relname || '.' || a.attname <> all ($2::text[])
		order by 1`, public, obvious)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range bare {
		t.Errorf("%s has no comment", name)
	}
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func execute(t testing.TB, conn *pgx.Conn, statement string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// scan reads the one row of a query.
func scan[T any](t testing.TB, conn *pgx.Conn, query string, args ...any) T {
	t.Helper()
	var found T
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&found); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return found
}
