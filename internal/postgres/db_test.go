package postgres_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
	"github.com/orderbell/orderbell/migrations"
)

func TestCheckSchema(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change string
		have   int
		hint   string
	}{
		"no schema":   {change: "drop schema orderbell cascade", have: 0, hint: "orderbell migrate up"},
		"no function": {change: "drop function orderbell.schema_version()", have: 0, hint: "orderbell migrate up"},
		"older":       {change: "create or replace function orderbell.schema_version() returns int language sql immutable return 2", have: 2, hint: "orderbell migrate up"},
		"newer": {
			change: "create or replace function orderbell.schema_version() returns int language sql immutable return 99;" +
				"create or replace function orderbell.oldest_program() returns int language sql immutable return 98",
			have: 99, hint: "newer orderbell",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			if err := h.db.CheckSchema(t.Context()); err != nil {
				t.Errorf("before: %v", err)
			}
			h.exec(test.change)
			err := h.db.CheckSchema(t.Context())
			var wrong *postgres.SchemaError
			if !errors.As(err, &wrong) || wrong.Have != test.have || wrong.Want != migrations.Version {
				t.Fatalf("it said %#v", err)
			}
			if !strings.Contains(err.Error(), test.hint) {
				t.Errorf("%q does not say what to do", err)
			}
		})
	}
}

// While a release is rolled out, programs of the last one start on the new schema.
func TestANewerSchemaMayFit(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("create or replace function orderbell.schema_version() returns int language sql immutable return 99")
	h.exec("create or replace function orderbell.oldest_program() returns int language sql immutable return " + strconv.Itoa(migrations.Version))
	if err := h.db.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCheckSchemaWithoutADatabase(t *testing.T) {
	t.Parallel()
	db, err := postgres.Open(t.Context(), "postgres://shop:hunter2@127.0.0.1:1/shop?connect_timeout=1", "w-1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	err = db.CheckSchema(t.Context())
	var wrong *postgres.SchemaError
	if err == nil || errors.As(err, &wrong) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("it said: %v", err)
	}
	if err := db.Ping(t.Context()); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Ping said: %v", err)
	}
}

// A URL that cannot be read is not repeated: logs go further than passwords may.
func TestErrorsShowNoPassword(t *testing.T) {
	t.Parallel()
	db, err := open(t, "postgres://shop@127.0.0.1/shop") // connects to nothing
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"postgres://shop:hunter2@127.0.0.1:port/shop",
		"postgres://shop:hunter2@127.0.0.1:99999999/shop",
		"postgres://shop:hunter2@[::1/shop",
		"postgres://shop:hunter2@127.0.0.1/shop?sslmode=perhaps",
		"postgres://shop:hunter2@127.0.0.1/shop?connect_timeout=soon",
		"postgres://shop:hunter2@127.0.0.1/shop?pool_max_conns=many",
		"postgres://shop:hunter2@127.0.0.1/shop?sslmode=verify-full&sslrootcert=/nowhere/at/all",
		"postgres://shop:hunter2@127.0.0.1 /shop",
		"postgres://shop:hunter2/x@127.0.0.1/shop", // the password was not escaped
		"postgres://shop:hunter2#x@127.0.0.1/shop",
		"postgres://shop:hunter2?x@127.0.0.1/shop",
		"postgres://shop:hunter2%zz@127.0.0.1/shop",
		"postgres://shop:%zzhunter2@127.0.0.1/shop",
		"postgres://shop:hunter2\x7f@127.0.0.1/shop",
		"postgres://shop:hunter2[@127.0.0.1/shop",
		"postgres://:hunter2@/",
		"host=127.0.0.1 user=shop password='hunter2",
		"host=127.0.0.1 user=shop password=a hunter2",
		"host=127.0.0.1 user=shop password=hunter2 port=x",
		"hunter2",
	} {
		ctx := t.Context()
		_, openErr := open(t, bad)
		_, bellErr := postgres.NewBell(db, bad, nil)
		_, addressErr := postgres.Addresses(ctx, bad)
		m, migrateErr := postgres.NewMigrator(bad)
		if m != nil {
			_ = m.Close()
		}
		for doing, err := range map[string]error{"Open": openErr, "NewBell": bellErr, "Addresses": addressErr, "NewMigrator": migrateErr} {
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s of %q says: %v", doing, bad, err)
			}
		}
	}
}

func open(t *testing.T, address string) (*postgres.DB, error) {
	t.Helper()
	db, err := postgres.Open(t.Context(), address, "w-1")
	if err == nil {
		t.Cleanup(db.Close)
	}
	return db, err
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][]string{
		"postgres://shop@127.0.0.1:6543/shop":                {"127.0.0.1:6543"},
		"postgres://shop@127.0.0.1:1,127.0.0.2:2/shop":       {"127.0.0.1:1", "127.0.0.2:2"},
		"postgres://shop@127.0.0.1:1,127.0.0.1:2/shop":       {"127.0.0.1:1", "127.0.0.1:2"},
		"host=::1 port=7 user=shop sslmode=disable":          {"[::1]:7"},
		"host=/var/run/postgresql port=9 user=shop dbname=x": {"127.0.0.1:9"},
	} {
		found, err := postgres.Addresses(t.Context(), address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		for _, w := range want {
			if !slices.Contains(found, netip.MustParseAddrPort(w)) {
				t.Errorf("%s reaches %v, and %s is not among them", address, found, w)
			}
		}
	}
}

// A database or a role may set what would break the worker; its connections pin it.
func TestConnectionsArePinned(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, setting := range []string{
		"default_transaction_isolation = 'serializable'", "default_transaction_read_only = on", "search_path = nowhere",
		"timezone = 'Asia/Shanghai'", "plan_cache_mode = force_generic_plan", "statement_timeout = '1ms'", "lock_timeout = '1ms'",
		"intervalstyle = 'sql_standard'", "datestyle = 'german'", "bytea_output = 'escape'", "synchronous_commit = off",
	} {
		h.exec("alter database " + one[string](t, h.pool, "select current_database()") + " set " + setting)
	}
	h.enqueue("A1")
	db := h.worker("w-2")
	claims, err := db.Claim(t.Context(), lane(1), nil, nil)
	if err != nil || len(claims) != 1 {
		t.Fatalf("claimed %v, %v", claims, err)
	}
	if _, err := db.Policies(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := db.FullLook(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := db.Renew(t.Context(), claims); err != nil {
		t.Error(err)
	}
	if moved, _, err := db.Settle(t.Context(), []*outbox.Settlement{result(claims[0], outbox.OutcomeAcknowledged)}); err != nil || len(moved) != 1 {
		t.Errorf("settled %v, %v", moved, err)
	}
}

// What was claimed or settled must still be so after a crash, whatever the database
// says of its own commits.
func TestCommitsAreSynchronous(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("alter database " + one[string](t, h.pool, "select current_database()") + " set synchronous_commit = off")
	for kind := range postgres.Pinned {
		if on := one[string](t, pinned(t, h.url, kind), "show synchronous_commit"); on != "on" {
			t.Errorf("%s commit with synchronous_commit %s", kind, on)
		}
	}
}

// What waits for a lock that somebody else holds gives up, and says why.
func TestStatementsGiveUpOnALock(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tx := h.begin()
	if _, err := tx.Exec(t.Context(), "lock table orderbell.delivery in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	_, err := h.db.Claim(t.Context(), lane(1), nil, nil)
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "55P03" {
		t.Errorf("it said: %v", err)
	}
}

func TestMethodsSayWhatFailed(t *testing.T) {
	t.Parallel()
	db, err := postgres.Open(t.Context(), pgtest.Empty(t), "w-1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, ctx := range []context.Context{t.Context(), gone} {
		claim := &outbox.Claim{Attempt: 1}
		errs := map[string]error{}
		_, errs["look for due rows"] = db.Look(ctx, time.Now())
		_, errs["look for all due rows"] = db.FullLook(ctx)
		_, errs["claim rows"] = db.Claim(ctx, lane(1), nil, nil)
		_, errs["fetch notifications"] = db.Fill(ctx, []*outbox.Claim{claim})
		_, errs["renew leases"] = db.Renew(ctx, []*outbox.Claim{claim})
		_, errs["look for ended leases"] = db.Lapsed(ctx)
		_, _, errs["settle attempts"] = db.Settle(ctx, []*outbox.Settlement{result(claim, outbox.OutcomeTimeout)})
		_, errs["read policies"] = db.Policies(ctx)
		_, errs["read endpoints"] = db.Endpoints(ctx, nil)
		_, _, errs["make partitions"] = db.MakePartitions(ctx)
		_, _, errs["read the history"] = db.History(ctx, "A1")
		_, errs["read the backlog"] = db.Backlog(ctx)
		_, errs["list endpoints"] = db.ListEndpoints(ctx)
		_, errs["add endpoint m-9"] = db.AddEndpoint(ctx, outbox.Endpoint{ID: "m-9"}, postgres.Changes{})
		_, errs["reserve for endpoints"] = db.Reserve(ctx, nil)
		_, errs["take probes"] = db.Probe(ctx, nil, time.Second)
		errs["change breakers"] = db.Break(ctx, nil)
		errs["pause endpoint m-9"] = db.Pause(ctx, "m-9", "")
		errs["resume endpoint m-9"] = db.Resume(ctx, "m-9")
		errs["set the fault of policy p"] = db.SetFault(ctx, &outbox.Policy{Name: "p"}, "")
		for doing, err := range errs {
			if err == nil || !strings.HasPrefix(err.Error(), doing+": ") {
				t.Errorf("%s: it said %v", doing, err)
			}
		}
	}
}
