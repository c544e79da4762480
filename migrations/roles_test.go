package migrations_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"golang.org/x/sync/errgroup"

	"github.com/orderbell/orderbell/internal/devpg"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
	"github.com/orderbell/orderbell/migrations"
)

var roles = []string{"orderbell_producer", "orderbell_worker", "orderbell_reader", "orderbell_operator"}

func TestRolesAreThereAndCannotLogIn(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Database(t))
	for _, role := range roles {
		if n := scan[int](t, conn, "select count(*) from pg_roles where rolname = $1 and not rolcanlogin and not rolsuper", role); n != 1 {
			t.Errorf("role %s is not there, or can log in", role)
		}
	}
}

// What each role may do, and what it may not. Every statement runs in a
// transaction of its own, which is rolled back.
func TestRights(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Database(t))
	execute(t, conn, "insert into orderbell.endpoint values ('m-1', 'http://shop.example/')")
	execute(t, conn, "select orderbell.enqueue('m-1', 'trade.success', 'A1', '{}')")
	execute(t, conn, "create function public.ships(text, text) returns void language sql as 'select'")
	execute(t, conn, "create function public.closes(text, text) returns boolean language sql as 'select true'")
	execute(t, conn, "insert into orderbell.hook values ('ship', 'public.ships(text, text)')")
	execute(t, conn, "select orderbell.enqueue('m-1', 'e', 'A3', '{}', url => 'ftp://x', on_exhausted => 'ship')")
	const (
		reserve   = "select orderbell.reserve('{m-1}', '{1}', '{1}', 'w-1/0000', '8 s')"
		addSecret = "select orderbell.add_secret('m-1', 1, '0123abcd', repeat('x', 40)::bytea, '1 h')"
		insert    = "insert into orderbell.notification (endpoint, event, order_no, body) values ('m-1', 'e', 'A2', '{}')"
		enqueue   = "select orderbell.enqueue('m-1', 'e', 'A2', '{}', url => 'http://own.example/', dedupe_key => 'k', deliver_after => '1h', policy => 'quick')"
	)
	for _, test := range []struct {
		role, statement string
		allowed         bool
	}{
		{"orderbell_producer", enqueue, true},
		{"orderbell_producer", insert, true},
		{"orderbell_producer", insert + " returning id", true},
		{"orderbell_producer", insert + " returning body", false},
		{"orderbell_producer", "insert into orderbell.notification (id, endpoint, event, order_no, body) values (orderbell.uuid7(), 'm-1', 'e', 'A2', '{}')", false},
		{"orderbell_producer", "insert into orderbell.notification_default (endpoint, event, order_no, body) values ('m-1', 'e', 'A2', '{}')", false},
		{"orderbell_producer", "copy orderbell.notification (endpoint, event, order_no, body) from stdin", true},
		{"orderbell_producer", "select orderbell.cancel('m-1', 'A1')", true},
		{"orderbell_producer", "select body from orderbell.notification", false},
		{"orderbell_producer", "update orderbell.notification set body = ''", false},
		{"orderbell_producer", "delete from orderbell.notification", false},
		{"orderbell_producer", "select from orderbell.delivery", false},
		{"orderbell_producer", "insert into orderbell.delivery (notification_id, next_attempt_at, state, endpoint) values (gen_random_uuid(), now(), 'pending', 'm-1')", false},
		{"orderbell_producer", "select from orderbell.dedupe", false},
		{"orderbell_producer", "select from orderbell.endpoint", false},
		{"orderbell_producer", "select from orderbell.notification_status", false},
		{"orderbell_producer", "update orderbell.setting set wake = 'poll'", false},
		{"orderbell_producer", "select orderbell.make_partitions()", false},
		{"orderbell_producer", "select orderbell.ring()", false},
		{"orderbell_producer", "select orderbell.pause('m-1')", false},
		{"orderbell_producer", "select orderbell.resume('m-1')", false},

		{"orderbell_reader", "select * from orderbell.notification_status", true},
		{"orderbell_reader", "select * from orderbell.notification_status where id >= orderbell.uuid7_floor(now() - interval '1 day')", true},
		{"orderbell_reader", "select * from orderbell.delivery_history", true},
		{"orderbell_reader", "select * from orderbell.backlog", true},
		{"orderbell_reader", "select * from orderbell.endpoint_health", true},
		{"orderbell_reader", "select orderbell.schema_version()", true},
		{"orderbell_producer", "select from orderbell.secret", false},
		{"orderbell_producer", "select from orderbell.probe", false},
		{"orderbell_producer", addSecret, false},
		{"orderbell_reader", "select from orderbell.secret", false},
		{"orderbell_reader", "select * from orderbell.probe", true},
		{"orderbell_reader", addSecret, false},
		{"orderbell_worker", "select * from orderbell.secret", true},
		{"orderbell_worker", "update orderbell.secret set retires_at = null", false},
		{"orderbell_worker", "delete from orderbell.secret", false},
		{"orderbell_worker", "select orderbell.destroy_secrets()", true},
		{"orderbell_worker", "update orderbell.endpoint set fault = 'x'", true},
		{"orderbell_worker", "update orderbell.endpoint set signature = 'none'", false},
		{"orderbell_worker", addSecret, false},
		{"orderbell_operator", addSecret, true},
		{"orderbell_operator", "update orderbell.secret set retires_at = null", false},
		{"orderbell_operator", "insert into orderbell.secret values ('m-1', 1, '0123abcd', repeat('x', 40)::bytea)", false},
		{"orderbell_operator", "insert into orderbell.probe (endpoint, passed, report) values ('m-1', true, '{}')", true},
		{"orderbell_operator", "insert into orderbell.probe (endpoint, passed, report, by) values ('m-1', true, '{}', 'somebody else')", false},
		{"orderbell_reader", "select from orderbell.breaker", false},
		{"orderbell_reader", "select orderbell.pause('m-1')", false},
		{"orderbell_reader", "select body from orderbell.notification", false},
		{"orderbell_reader", "select from orderbell.policy", false},
		{"orderbell_reader", enqueue, false},
		{"orderbell_reader", "select orderbell.cancel('m-1', 'A1')", false},

		{"orderbell_worker", enqueue, true}, // scans do
		{"orderbell_worker", "update orderbell.notification set body = ''", false},
		{"orderbell_worker", "update orderbell.attempt set error = ''", false},
		{"orderbell_worker", "delete from orderbell.attempt", false},
		{"orderbell_worker", "delete from orderbell.finished", false},
		{"orderbell_worker", "update orderbell.policy set ladder = '{}'", false},
		{"orderbell_worker", "insert into orderbell.endpoint values ('m-2', 'http://shop.example/')", false},
		{"orderbell_worker", "update orderbell.endpoint set paused_at = null", false},
		{"orderbell_worker", "select orderbell.resume('m-1')", false},
		{"orderbell_worker", "delete from orderbell.breaker", true},
		{"orderbell_worker", reserve, true},
		{"orderbell_worker", "delete from orderbell.slot", false},
		{"orderbell_worker", "update orderbell.pace set next_at = now()", false},

		{"orderbell_producer", "select orderbell.enqueue('m-1', 'e', 'A1', '{}', hold => true, supersede => true, sequence_key => 'k', on_acknowledged => 'ship', on_exhausted => 'ship')", true},
		{"orderbell_producer", "insert into orderbell.notification (endpoint, event, order_no, body, hold, sequence_key, on_acknowledged) values ('m-1', 'e', 'A2', '{}', true, 'k', 'ship')", true},
		{"orderbell_producer", "select orderbell.release('m-1', 'A1')", true},
		{"orderbell_producer", "select orderbell.unblock('m-1')", false},
		{"orderbell_producer", "select from orderbell.hook", false},
		{"orderbell_producer", "select from orderbell.owed", false},
		{"orderbell_producer", "select from orderbell.blocked", false},
		{"orderbell_producer", "select nextval('orderbell.sequence')", false},
		{"orderbell_producer", "select orderbell.end_rows('{}', 'cancelled', 'x')", false},
		{"orderbell_producer", "select orderbell.promote('{}', '{}', '{}')", false},
		{"orderbell_producer", "select orderbell.of_order('m-1', 'A1', null)", false},
		{"orderbell_producer", "select orderbell.action_fault('sql:public.closes')", false},

		{"orderbell_worker", "select * from orderbell.hook, orderbell.blocked, orderbell.owed", true},
		{"orderbell_worker", "insert into orderbell.blocked (endpoint, sequence_key, seq, notification_id) values ('m-1', 'k', 1, gen_random_uuid())", true},
		{"orderbell_worker", "update orderbell.owed set tries = 2", true},
		{"orderbell_worker", "delete from orderbell.owed", true},
		{"orderbell_worker", "select orderbell.promote('{}', '{}', '{}')", true},
		{"orderbell_worker", "select orderbell.function_fault('public.ships(text, text)', 'void')", true},
		{"orderbell_worker", "delete from orderbell.blocked", false},
		{"orderbell_worker", "insert into orderbell.hook values ('own', 'public.ships(text, text)')", false},
		{"orderbell_worker", "update orderbell.hook set function = 'public.ships(text, text)'", false},
		{"orderbell_worker", "select orderbell.unblock('m-1')", false},
		{"orderbell_worker", "select orderbell.release('m-1', 'A1')", false},
		{"orderbell_worker", "select orderbell.end_rows('{}', 'cancelled', 'x')", false},

		{"orderbell_reader", "select explanation from orderbell.notification_status where order_no = 'A3'", true},
		{"orderbell_reader", "select notification_id, state, reason, hook, tries, fault, since from orderbell.owed", true},
		{"orderbell_reader", "select answer from orderbell.owed", false},
		{"orderbell_reader", "select * from orderbell.blocked, orderbell.hook", true},
		{"orderbell_reader", "select orderbell.unblock('m-1')", false},
		{"orderbell_reader", "select orderbell.release('m-1', 'A1')", false},
		{"orderbell_reader", "insert into orderbell.hook values ('own', 'public.ships(text, text)')", false},

		{"orderbell_operator", "insert into orderbell.hook values ('own', 'public.ships(text, text)')", true},
		{"orderbell_operator", "update orderbell.hook set function = 'public.ships(text, text)'", true},
		{"orderbell_operator", "delete from orderbell.hook", true},
		{"orderbell_operator", "update orderbell.endpoint set url = 'sql:public.closes', on_head_exhausted = 'block'", true},
		{"orderbell_operator", "update orderbell.endpoint set on_head_exhausted = 'block', batch_size = 5, batch_wait = '1 s', answer_key = 'x'", true},
		{"orderbell_operator", "select orderbell.release('m-1', 'A1'), orderbell.unblock('m-1')", true},
		{"orderbell_operator", "select explanation from orderbell.notification_status where order_no = 'A3'", true},
		{"orderbell_operator", "select answer from orderbell.owed", false},
		{"orderbell_operator", "delete from orderbell.owed", false},
		{"orderbell_operator", "delete from orderbell.blocked", false},

		{"orderbell_operator", "insert into orderbell.endpoint (id, url, headers) values ('m-2', 'https://shop.example/', '{\"X-Shop\": \"1\"}')", true},
		{"orderbell_operator", "update orderbell.endpoint set url = 'https://elsewhere.example/'", true},
		{"orderbell_operator", "delete from orderbell.endpoint", true},
		{"orderbell_operator", "insert into orderbell.policy (name, ladder, acknowledge) values ('ours', '{1s}', 'true')", true},
		{"orderbell_operator", "update orderbell.policy set acknowledge = 'status == 200' where name = 'standard'", true},
		{"orderbell_operator", "delete from orderbell.policy where name = 'webhook'", true},
		{"orderbell_operator", "select * from orderbell.notification_status", true},
		{"orderbell_operator", "select * from orderbell.delivery_history", true},
		{"orderbell_operator", "select orderbell.cancel('m-1', 'A1')", true},
		{"orderbell_operator", "update orderbell.endpoint set max_in_flight = 5, rate_per_second = 10, paused_at = now(), pause_reason = 'asked'", true},
		{"orderbell_operator", "select orderbell.pause('m-1', 'asked')", true},
		{"orderbell_operator", "select orderbell.resume('m-1')", true},
		{"orderbell_operator", "select * from orderbell.endpoint_health", true},
		{"orderbell_operator", "delete from orderbell.breaker", false},
		{"orderbell_operator", reserve, false},
		{"orderbell_operator", "select body from orderbell.notification", false},
		{"orderbell_operator", enqueue, false},
		{"orderbell_operator", "delete from orderbell.delivery", false},
	} {
		t.Run(test.role+": "+test.statement, func(t *testing.T) {
			err := as(t, conn, test.role, test.statement)
			var refused *pgconn.PgError
			denied := errors.As(err, &refused) && refused.Code == "42501"
			if test.allowed && err != nil || !test.allowed && !denied {
				t.Errorf("allowed should be %t, and it said: %v", test.allowed, err)
			}
		})
	}
}

// as runs a statement under a role and rolls back.
func as(t *testing.T, conn *pgx.Conn, role, statement string) error {
	t.Helper()
	execute(t, conn, "begin")
	defer execute(t, conn, "rollback")
	execute(t, conn, "set local role "+role)
	if strings.HasPrefix(statement, "copy ") {
		_, err := conn.PgConn().CopyFrom(t.Context(), strings.NewReader(""), statement)
		return err
	}
	_, err := conn.Exec(t.Context(), statement)
	return err
}

// A dashboard's own user, who was given one view and nothing else, can still read it.
func TestBacklogNeedsNoOtherRight(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Database(t))
	execute(t, conn, "begin")
	defer execute(t, conn, "rollback") // and the role with it
	for _, step := range []string{
		"create role dashboard_of_one_view", "grant usage on schema orderbell to dashboard_of_one_view",
		"grant select on orderbell.backlog to dashboard_of_one_view", "set local role dashboard_of_one_view",
	} {
		execute(t, conn, step)
	}
	if due := scan[int](t, conn, "select due_now from orderbell.backlog"); due != 0 {
		t.Errorf("%d are due", due)
	}
}

// What is not in this release says so to whoever may call it, and is not merely
// forbidden.
func TestWhatIsAbsentSaysSo(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Database(t))
	for _, test := range []struct{ role, call string }{
		{"orderbell_operator", "select * from orderbell.replay(gen_random_uuid(), 'asked')"},
		{"orderbell_operator", "select * from orderbell.replay_matching(endpoint => 'm-1', state => 'exhausted', since => now())"},
	} {
		err := as(t, conn, test.role, test.call)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "0A000" {
			t.Errorf("%s as %s: %v", test.call, test.role, err)
		}
	}
}

// A user who owns the database and may not create roles: the roles are not
// made, which a notice says, and everything works for the owner.
func TestMigratingAsAnOrdinaryOwner(t *testing.T) {
	t.Parallel()
	// Roles belong to the whole cluster, so this takes one that has none yet.
	server := clusterOfOne(t)
	super := connect(t, server.URL("postgres"))
	execute(t, super, "create role shop login password 'open' nosuperuser nocreaterole nocreatedb")
	execute(t, super, "create database shop owner shop")
	execute(t, super, "create database other owner shop")
	ours := owned(t, server, "shop")
	if err := postgres.MigrateUp(t.Context(), ours); err != nil {
		t.Fatal(err)
	}
	if n := scan[int](t, super, "select count(*) from pg_roles where rolname = any ($1)", roles); n != 0 {
		t.Errorf("%d roles were made", n)
	}
	worksForTheOwner(t, ours)
	if notices := migrateListening(t, owned(t, server, "other")); len(notices) != len(roles) {
		t.Errorf("notices: %q, want one for each role", notices)
	}
}

// Roles are the cluster's: databases that are migrated at once, all make them.
func TestSeveralDatabasesAtOnce(t *testing.T) {
	t.Parallel()
	server := clusterOfOne(t)
	super := connect(t, server.URL("postgres"))
	var group errgroup.Group
	for i := range 5 {
		database := fmt.Sprintf("shop%d", i)
		execute(t, super, "create database "+database)
		group.Go(func() error { return postgres.MigrateUp(t.Context(), server.URL(database)) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		conn := connect(t, server.URL(fmt.Sprintf("shop%d", i)))
		if !scan[bool](t, conn, "select has_schema_privilege('orderbell_producer', 'orderbell', 'usage')") {
			t.Errorf("database %d: producers may not use the schema", i)
		}
	}
}

func clusterOfOne(t *testing.T) *devpg.Server {
	t.Helper()
	server, err := devpg.Start(t.Context(), devpg.Options{Settings: map[string]string{"shared_buffers": "16MB"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return server
}

func owned(t *testing.T, server *devpg.Server, database string) string {
	t.Helper()
	address, err := url.Parse(server.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword("shop", "open")
	return address.String()
}

func worksForTheOwner(t *testing.T, address string) {
	t.Helper()
	conn := connect(t, address)
	execute(t, conn, "insert into orderbell.endpoint values ('m-1', 'http://shop.example/')")
	execute(t, conn, "select orderbell.enqueue('m-1', 'trade.success', 'A1', '{}')")
	if n := scan[int](t, conn, "select orderbell.cancel('m-1', 'A1')"); n != 1 {
		t.Errorf("cancel says %d", n)
	}
	if n := scan[int](t, conn, "select count(*) from orderbell.notification_status where state = 'cancelled'"); n != 1 {
		t.Errorf("%d notifications are cancelled", n)
	}
	db, err := postgres.Open(t.Context(), address, "w")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	if _, _, err := db.MakePartitions(t.Context()); err != nil {
		t.Error(err)
	}
}

// migrateListening migrates and returns the notices that name a role.
func migrateListening(t *testing.T, address string) (notices []string) {
	t.Helper()
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if strings.Contains(n.Message, "was not made") {
			notices = append(notices, n.Message)
		}
	}
	db := stdlib.OpenDB(*config)
	defer func() { _ = db.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	return notices
}

func TestNothingIsOpenToPublic(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Database(t))
	rows, err := conn.Query(t.Context(), `
		select p.oid::regprocedure::text
		from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) granted
		where p.pronamespace = 'orderbell'::regnamespace and granted.grantee = 0`)
	if err != nil {
		t.Fatal(err)
	}
	public, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(public) != 0 {
		t.Errorf("PUBLIC may execute %v, %v", public, err)
	}
}
