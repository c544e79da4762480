package migrations_test

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib" // registers pgx with database/sql
	"github.com/pressly/goose/v3"

	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
	"github.com/orderbell/orderbell/migrations"
)

// Who has a goose of their own runs our files with it, in their own table.
func TestGooseAsALibrary(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	provider, err := goose.NewProvider(goose.DialectPostgres, open(t, url), migrations.FS, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	isTheirs(t, url)
	if _, err := provider.DownTo(t.Context(), 0); err != nil {
		t.Errorf("down to nothing: %v", err)
	}
	// With nothing left, the schema is anybody's.
	up(t, migrator(t, url))
}

func TestGooseAsACommand(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("goose")
	if err != nil {
		t.Skip("goose is missing: go install github.com/pressly/goose/v3/cmd/goose@latest")
	}
	url, folder := pgtest.Empty(t), t.TempDir()
	for _, name := range files(t) {
		text, err := fs.ReadFile(migrations.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, append([]string{"-dir", folder, "postgres", url}, args...)...)
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("goose %v: %v\n%s", args, err, output)
		}
	}
	run("up")
	isTheirs(t, url)
	run("down-to", "0")
	run("up")
	isTheirs(t, url)
}

// isTheirs asserts that the schema is whole, the same as ours, and that our own
// migrator leaves it alone.
func isTheirs(t *testing.T, url string) {
	t.Helper()
	conn := connect(t, url)
	if v := version(t, conn); v != migrations.Version {
		t.Errorf("schema_version() is %d", v)
	}
	if scan[*string](t, conn, "select to_regclass('public.goose_db_version')::text") == nil {
		t.Error("goose's own table is not in public")
	}
	if diff := cmp.Diff(describe(t, connect(t, pgtest.Database(t))), describe(t, conn)); diff != "" {
		t.Errorf("their schema is not ours (-ours +theirs):\n%s", diff)
	}
	m := migrator(t, url)
	if _, err := m.Up(t.Context()); !errors.Is(err, postgres.ErrForeignMigrations) {
		t.Errorf("Up: %v", err)
	}
	if _, err := m.Down(t.Context(), true); !errors.Is(err, postgres.ErrForeignMigrations) {
		t.Errorf("Down: %v", err)
	}
	if _, err := m.Status(t.Context()); !errors.Is(err, postgres.ErrForeignMigrations) {
		t.Errorf("Status: %v", err)
	}
	if scan[*string](t, conn, "select to_regclass('orderbell.goose_db_version')::text") != nil {
		t.Error("our migrator has made its own table beside theirs")
	}
}

func open(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}
