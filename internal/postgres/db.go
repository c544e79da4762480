package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbell/orderbell/migrations"
)

// Lease is how long a claimed row is its worker's own. A killed worker's rows
// come back after it, however long a request may take, because it is renewed.
const Lease = 8 * time.Second

// DB is the database of one worker or command.
type DB struct {
	worker string // its name, for people
	// holder is the name with a token of this process: what claimed_by says. Two
	// workers of one name never take each other's rows for their own.
	holder string
	// Claims, settles and renewals, and all that reads: so that a slow one of one
	// kind cannot hold up the others.
	claims, settles, reads *pool
	// alone runs functions of the business, in the transactions that settle single rows.
	alone *pool
	wake  *wake
	here  atomic.Pointer[string] // which database this is, once a connection has asked
	// silent remembers which addresses did not answer.
	silent *silences
	// shortage is signalled when the server has no connection left for this worker.
	shortage chan struct{}
}

// Open prepares the pools; it connects when a statement is first sent. worker is
// the name under which rows are claimed, and shows in pg_stat_activity.
func Open(ctx context.Context, url, worker string) (*DB, error) {
	db := &DB{worker: worker, holder: worker + "/" + processToken(), wake: newWake(), silent: newSilences(), shortage: make(chan struct{}, 1)}
	for _, open := range []struct {
		pool   **pool
		pin    func(*pgx.ConnConfig, string)
		greets func(context.Context, *pgx.Conn) error
	}{{&db.claims, pinClaims, db.checkHome}, {&db.settles, pinSettles, db.checkHome}, {&db.reads, pinReads, nil}, {&db.alone, pinAlone, db.checkHome}} {
		opened, err := openPool(ctx, url, worker, db.silent, open.pin, open.greets)
		if err != nil {
			db.Close()
			return nil, err
		}
		*open.pool = &pool{opened, db}
	}
	return db, nil
}

// Close waits for what is under way and closes every connection.
func (db *DB) Close() {
	for _, pool := range db.pools() {
		pool.Close()
	}
}

// pools are those that are open.
func (db *DB) pools() (open []*pool) {
	for _, pool := range []*pool{db.claims, db.settles, db.reads, db.alone} {
		if pool != nil {
			open = append(open, pool)
		}
	}
	return open
}

// processToken tells this process from others of the same name.
func processToken() string {
	var token [2]byte
	_, _ = rand.Read(token[:]) // never fails
	return hex.EncodeToString(token[:])
}

func openPool(ctx context.Context, url, worker string, silent *silences, pin func(*pgx.ConnConfig, string), greet func(context.Context, *pgx.Conn) error) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", withoutPassword(err))
	}
	config.MaxConns = 2
	config.MinConns = 0
	pin(config.ConnConfig, worker)
	if config.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeDescribeExec {
		config.MaxConns = aloneConns
		config.AfterRelease = forget
	}
	reach(config.ConnConfig, silent)
	config.AfterConnect = greet
	writable(config.ConnConfig)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return pool, nil
}

// pin sets what databases and roles may have set otherwise.
func pin(config *pgx.ConnConfig, worker string) {
	set := config.RuntimeParams
	set["application_name"] = "orderbell/" + worker
	set["default_transaction_isolation"] = "read committed"
	set["default_transaction_read_only"] = "off"
	set["synchronous_commit"] = "on" // a settle that a crash takes back would be sent again
	set["search_path"] = "pg_catalog"
	set["client_encoding"] = "UTF8"
	set["TimeZone"] = "UTC"
	set["plan_cache_mode"] = "force_custom_plan"
	set["jit"] = "off" // compiling takes longer than any of these statements: 76 ms for the policies
	set["statement_timeout"] = "10s"
	set["lock_timeout"] = "2s"
	set["idle_in_transaction_session_timeout"] = "10s"
	// What a worker that has vanished held, the server gives up as soon as that worker
	// gives up the server.
	alive := keepAlive()
	set["tcp_keepalives_idle"] = strconv.Itoa(int(alive.Idle.Seconds()))
	set["tcp_keepalives_interval"] = strconv.Itoa(int(alive.Interval.Seconds()))
	set["tcp_keepalives_count"] = strconv.Itoa(alive.Count)
	set["tcp_user_timeout"] = strconv.Itoa(int(silence.Milliseconds()))
}

// pinReads makes the worker's statements go by the index that each was written
// for, also while the statistics say that delivery is empty, as they do until
// autovacuum comes: settles that read the table whole took over 10 s with 100,000
// rows in it, and a claim that sorted what the due index gives 142 ms instead of
// 1.3 ms (50,000 due rows, 64 lanes). Plans are made for the values of each
// execution: a look-up by id then touches the days of its ids alone.
func pinReads(config *pgx.ConnConfig, worker string) {
	pin(config, worker)
	config.RuntimeParams["enable_seqscan"] = "off"
	config.RuntimeParams["enable_sort"] = "off"
}

// pinClaims plans once: a claim names no partitioned table, and planning it took
// 0.12 ms of 0.40 ms.
func pinClaims(config *pgx.ConnConfig, worker string) {
	pinReads(config, worker)
	config.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
}

// pinSettles does the same: rows are inserted into partitioned tables, which locks
// only the days that they go to, and planning took 0.23 ms of 0.6 ms.
func pinSettles(config *pgx.ConnConfig, worker string) {
	pinClaims(config, worker)
	config.RuntimeParams["enable_sort"] = "on"
}

// withoutPassword passes on pgx's reason alone: its error quotes the URL.
func withoutPassword(err error) error {
	var bad *pgconn.ParseConfigError
	if errors.As(err, &bad) {
		if reason := bad.Unwrap(); reason != nil {
			return reason
		}
		return errors.New("it is malformed")
	}
	return err
}

// Refusal returns what PostgreSQL said when it refused a statement: its message,
// and its hint where it gave one. ok is false for every other error.
func Refusal(err error) (message, hint string, ok bool) {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return "", "", false
	}
	return refused.Message, refused.Hint, true
}

// SchemaError says that the schema and this program do not fit, and what to do.
type SchemaError struct{ Have, Want int }

func (e *SchemaError) Error() string {
	switch {
	case e.Have == 0:
		return "this database has no schema orderbell; make it with: orderbell migrate up"
	case e.Have < e.Want:
		return fmt.Sprintf("the schema is at version %d and this program needs %d; bring it up with: orderbell migrate up", e.Have, e.Want)
	}
	return fmt.Sprintf("the schema is at version %d, newer than the %d this program knows; install the newer orderbell", e.Have, e.Want)
}

// CheckSchema returns a *SchemaError where the schema is missing, older than this
// program, or so much newer that they do not fit, and another error where the
// database cannot be asked.
func (db *DB) CheckSchema(ctx context.Context) error {
	have, err := db.schemaVersion(ctx)
	if err != nil {
		return err
	}
	if have > migrations.Version && db.worksWith(ctx) {
		return nil // a release is being rolled out: the schema goes first
	}
	if have != migrations.Version {
		return &SchemaError{Have: have, Want: migrations.Version}
	}
	return nil
}

// worksWith tells whether a newer schema says that this program still fits.
func (db *DB) worksWith(ctx context.Context) bool {
	var oldest int
	err := db.reads.QueryRow(ctx, sqlOldestProgram.text).Scan(&oldest)
	return err == nil && migrations.Version >= oldest
}

func (db *DB) schemaVersion(ctx context.Context) (int, error) {
	var version int
	err := db.reads.QueryRow(ctx, sqlSchemaVersion.text).Scan(&version)
	if hasCode(err, "3F000", "42883") { // no such schema, no such function
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("ask for the schema's version: %w", err)
	}
	return version, nil
}
