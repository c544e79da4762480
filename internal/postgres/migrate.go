package postgres

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/orderbell/orderbell/migrations"
)

// versionTable is goose's own, in our schema, so that it is in nobody's way.
const versionTable = "orderbell.goose_db_version"

// Migrator runs the embedded migrations. Any number of them may run at once:
// one works, the others wait for it and find nothing to do.
type Migrator struct {
	db       *stdsql.DB
	provider *goose.Provider
}

// NewMigrator prepares the migrations; it connects when it is first used.
func NewMigrator(url string) (*Migrator, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", withoutPassword(err))
	}
	pin(config, "migrate")
	reach(config, newSilences())
	config.RuntimeParams["statement_timeout"] = "0"
	// Whoever wants a table for itself holds up all who come after it, orders too.
	config.RuntimeParams["lock_timeout"] = "200ms"
	db := stdlib.OpenDB(*config)
	provider, err := newProvider(db)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare the migrations: %w", err), db.Close())
	}
	return &Migrator{db: db, provider: provider}, nil
}

func newProvider(db *stdsql.DB) (*goose.Provider, error) {
	// Ask for the lock every second, for five minutes.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, migrations.FS,
		goose.WithTableName(versionTable), goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
}

// makeSchema makes the schema that goose's version table needs, unless it is
// there: a user who may not create schemas can be given an empty one.
func (m *Migrator) makeSchema(ctx context.Context) error {
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	// IF NOT EXISTS alone fails when two do it at once.
	for _, step := range []string{
		"set local lock_timeout = '5min'",
		"select pg_advisory_xact_lock(1330791493, 2)",
		"do $$ begin if to_regnamespace('orderbell') is null then create schema orderbell; end if; end $$",
	} {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return fmt.Errorf("make the schema orderbell: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("make the schema orderbell: %w", err)
	}
	return nil
}

// Close closes the connections.
func (m *Migrator) Close() error { return m.db.Close() }

// ErrForeignMigrations says that another goose, with a version table of its own,
// has made this schema.
var ErrForeignMigrations = errors.New("this schema was made by a goose of your own, with another version table; migrate it there")

// Up makes the schema if need be, applies what is missing, and returns the files
// applied.
func (m *Migrator) Up(ctx context.Context) ([]string, error) {
	if _, err := m.made(ctx); err != nil {
		return nil, err
	}
	if err := m.makeSchema(ctx); err != nil {
		return nil, err
	}
	var files []string
	for deadline := time.Now().Add(lockPatience); ; {
		results, err := m.provider.Up(ctx)
		files = append(files, applied(results, err)...)
		switch {
		case err == nil:
			return files, nil
		case !hasCode(err, "55P03") || time.Now().After(deadline):
			return files, fmt.Errorf("migrate up: %w", err)
		}
		// Somebody's order is open. Each file is a transaction: what is done stays.
		rest(ctx, lockPause, nil)
	}
}

const (
	// lockPatience is how long a migration is tried again while open transactions hold
	// what it needs, and lockPause the time between two tries, in which orders go on.
	lockPatience = 5 * time.Minute
	lockPause    = time.Second
)

// applied are the files that goose has applied, also where a later one failed.
func applied(results []*goose.MigrationResult, err error) []string {
	var partial *goose.PartialError
	if errors.As(err, &partial) {
		results = partial.Applied
	}
	files := make([]string, len(results))
	for i, result := range results {
		files[i] = result.Source.Path
	}
	return files
}

// made tells whether our version table is there. It returns
// ErrForeignMigrations where another goose has made the schema, and a
// *SchemaError where a newer orderbell has.
func (m *Migrator) made(ctx context.Context) (bool, error) {
	var made, ours bool
	err := m.db.QueryRowContext(ctx,
		"select to_regprocedure('orderbell.schema_version()') is not null, to_regclass('"+versionTable+"') is not null").Scan(&made, &ours)
	if err != nil {
		return false, fmt.Errorf("ask for the schema's version: %w", err)
	}
	if !made {
		return ours, nil
	}
	if !ours {
		return false, ErrForeignMigrations
	}
	var version int
	if err := m.db.QueryRowContext(ctx, sqlSchemaVersion.text).Scan(&version); err != nil {
		return false, fmt.Errorf("ask for the schema's version: %w", err)
	}
	if version > migrations.Version {
		return false, &SchemaError{Have: version, Want: migrations.Version}
	}
	return true, nil
}

// RowsError says that a migration, undone, would drop a table that has rows.
type RowsError struct{ Migration, Table string }

func (e *RowsError) Error() string {
	return fmt.Sprintf("undoing %s would drop the rows of %s", e.Migration, e.Table)
}

// ErrNothingToUndo says that no migration is applied.
var ErrNothingToUndo = errors.New("no migration is applied")

// Down undoes the last migration and returns its file. Where that would drop
// rows it returns a *RowsError instead, unless dropRows is set.
func (m *Migrator) Down(ctx context.Context, dropRows bool) (string, error) {
	if made, err := m.made(ctx); err != nil {
		return "", err
	} else if !made {
		return "", ErrNothingToUndo
	}
	current, err := m.provider.GetDBVersion(ctx)
	if err != nil {
		return "", fmt.Errorf("migrate down: %w", err)
	}
	if current == 0 {
		return "", ErrNothingToUndo
	}
	if !dropRows {
		if err := m.refuseRows(ctx, current); err != nil {
			return "", err
		}
	}
	result, err := m.provider.Down(ctx)
	if err != nil {
		return "", fmt.Errorf("migrate down: %w", err)
	}
	return result.Source.Path, nil
}

var droppedTable = regexp.MustCompile(`(?m)^drop table (orderbell\.\w+)`)

// refuseRows reads the Down part of a migration for the tables that it drops.
func (m *Migrator) refuseRows(ctx context.Context, version int64) error {
	for _, source := range m.provider.ListSources() {
		if source.Version != version {
			continue
		}
		text, err := fs.ReadFile(migrations.FS, source.Path)
		if err != nil {
			return fmt.Errorf("migrate down: %w", err)
		}
		_, down, _ := strings.Cut(string(text), "-- +goose Down")
		for _, match := range droppedTable.FindAllStringSubmatch(down, -1) {
			table := match[1]
			if table == "orderbell.setting" {
				continue // its one row is always there
			}
			var rows bool
			if err := m.db.QueryRowContext(ctx, "select exists (select from "+table+")").Scan(&rows); err != nil {
				return fmt.Errorf("migrate down: look for rows: %w", err)
			}
			if rows {
				return &RowsError{Migration: source.Path, Table: table}
			}
		}
	}
	return nil
}

// MigrationStatus is a migration and when it was applied; the zero time: not yet.
type MigrationStatus struct {
	File      string
	AppliedAt time.Time
}

// Status returns every migration, in order. It changes nothing.
func (m *Migrator) Status(ctx context.Context) ([]MigrationStatus, error) {
	made, err := m.made(ctx)
	if err != nil {
		return nil, err
	}
	if !made { // goose would make its table
		var statuses []MigrationStatus
		for _, source := range m.provider.ListSources() {
			statuses = append(statuses, MigrationStatus{File: source.Path})
		}
		return statuses, nil
	}
	found, err := m.provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate status: %w", err)
	}
	statuses := make([]MigrationStatus, len(found))
	for i, f := range found {
		statuses[i] = MigrationStatus{File: f.Source.Path, AppliedAt: f.AppliedAt}
	}
	return statuses, nil
}

// MigrateUp brings the database's schema to this program's version.
func MigrateUp(ctx context.Context, url string) error {
	m, err := NewMigrator(url)
	if err != nil {
		return err
	}
	_, err = m.Up(ctx)
	return errors.Join(err, m.Close())
}
