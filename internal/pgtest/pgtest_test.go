package pgtest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// migrations counts the runs in the database itself: a second one would fail.
func migrate(ctx context.Context, url string) (err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, "create table marker (n int); insert into marker values (1)")
	return err
}

func TestMain(m *testing.M) { pgtest.Main(m, migrate) }

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	for range 2 {
		pool := pgtest.Pool(t)
		if _, err := pool.Exec(t.Context(), "insert into marker values (2)"); err != nil {
			t.Fatal(err)
		}
		var rows int
		if err := pool.QueryRow(t.Context(), "select count(*) from marker").Scan(&rows); err != nil {
			t.Fatal(err)
		}
		if rows != 2 {
			t.Errorf("the database has %d rows, want the template's and ours", rows)
		}
	}
}

func TestEmptyIsNotMigrated(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Empty(t))
	var missing bool
	if err := conn.QueryRow(t.Context(), "select to_regclass('marker') is null").Scan(&missing); err != nil {
		t.Fatal(err)
	}
	if !missing {
		t.Error("the empty database has the migrations' table")
	}
}

func TestTheNameTellsTheTest(t *testing.T) {
	t.Parallel()
	t.Run("with Ünusual; drop \"characters\" and a name that is long, far too long for a database", func(t *testing.T) {
		t.Parallel()
		conn := connect(t, pgtest.Empty(t))
		var name string
		if err := conn.QueryRow(t.Context(), "select current_database()").Scan(&name); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(name, "thenametellsthetest") {
			t.Errorf("the database is called %s", name)
		}
	})
}

func TestDatabaseIsDroppedDespiteConnections(t *testing.T) {
	t.Parallel()
	var conn *pgx.Conn
	var name string
	t.Run("a test that leaves a connection", func(t *testing.T) {
		var err error
		if conn, err = pgx.Connect(context.Background(), pgtest.Database(t)); err != nil {
			t.Fatal(err)
		}
		name = conn.Config().Database
	})
	defer func() { _ = conn.Close(context.Background()) }()
	var exists bool
	look := connect(t, pgtest.Server(t).URL("postgres"))
	err := look.QueryRow(t.Context(), "select exists (select from pg_database where datname = $1)", name).Scan(&exists)
	if err != nil {
		t.Fatal(err)
	}
	if exists {
		t.Errorf("database %s is still there", name)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Empty(t))
	for name, want := range map[string]string{
		"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
		"shared_buffers": "32MB", "max_connections": "200", "TimeZone": "UTC",
		"server_encoding": "UTF8", "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
	} {
		var got string
		if err := conn.QueryRow(t.Context(), "select current_setting($1)", name).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	return conn
}
