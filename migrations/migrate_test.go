package migrations_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
	"github.com/orderbell/orderbell/migrations"
)

func TestVersionIsTheNumberOfFiles(t *testing.T) {
	t.Parallel()
	if n := len(files(t)); n != migrations.Version {
		t.Errorf("there are %d files, and Version is %d", n, migrations.Version)
	}
}

func TestUpTwice(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	m, conn := migrator(t, url), connect(t, url)
	if diff := cmp.Diff(files(t), up(t, m)); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
	if again := up(t, m); len(again) != 0 {
		t.Errorf("the second time it applied %v", again)
	}
	if v := version(t, conn); v != migrations.Version {
		t.Errorf("schema_version() is %d, want %d", v, migrations.Version)
	}
	statuses, err := m.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range statuses {
		if s.File != files(t)[i] || s.AppliedAt.IsZero() {
			t.Errorf("status %d: %+v", i, s)
		}
	}
}

// Asking where things stand changes nothing.
func TestStatusOfNothing(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	m, conn := migrator(t, url), connect(t, url)
	statuses, err := m.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range statuses {
		if s.File != files(t)[i] || !s.AppliedAt.IsZero() {
			t.Errorf("status %d: %+v", i, s)
		}
	}
	if _, err := m.Down(t.Context(), false); !errors.Is(err, postgres.ErrNothingToUndo) {
		t.Errorf("Down: %v", err)
	}
	if scan[*string](t, conn, "select to_regnamespace('orderbell')::text") != nil {
		t.Error("it has made the schema")
	}
}

// A newer program's schema is left alone.
func TestASchemaThatIsNewer(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	m, conn := migrator(t, url), connect(t, url)
	execute(t, conn, "create or replace function orderbell.schema_version() returns int language sql immutable return 99")
	_, upErr := m.Up(t.Context())
	_, downErr := m.Down(t.Context(), true)
	_, statusErr := m.Status(t.Context())
	for doing, err := range map[string]error{"Up": upErr, "Down": downErr, "Status": statusErr} {
		var newer *postgres.SchemaError
		if !errors.As(err, &newer) || newer.Have != 99 || newer.Want != migrations.Version {
			t.Errorf("%s: %v", doing, err)
		}
	}
}

func TestTenMigratorsAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	applied := make([][]string, 10)
	var group errgroup.Group
	for i := range applied {
		group.Go(func() error {
			m, err := postgres.NewMigrator(url)
			if err != nil {
				return err
			}
			applied[i], err = m.Up(t.Context())
			return errors.Join(err, m.Close())
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, names := range applied {
		all = append(all, names...)
	}
	if diff := cmp.Diff(files(t), all); diff != "" {
		t.Errorf("applied by all together (-want +got):\n%s", diff)
	}
	if v := version(t, connect(t, url)); v != migrations.Version {
		t.Errorf("schema_version() is %d", v)
	}
}

func TestDownOneByOneAndUpAgain(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	m, conn := migrator(t, url), connect(t, url)
	up(t, m)
	whole := describe(t, conn)
	for left := migrations.Version - 1; left >= 0; left-- {
		file, err := down(t, m, left)
		if err != nil {
			t.Fatal(err)
		}
		if want := files(t)[left]; file != want {
			t.Errorf("it undid %s, want %s", file, want)
		}
		if left > 0 {
			if v := version(t, conn); v != left {
				t.Errorf("schema_version() is %d after %s was undone", v, file)
			}
		}
	}
	if left := describe(t, conn); left != "schema orderbell -- "+comment+"\n" {
		t.Errorf("the last migration undone, this is left:\n%s", left)
	}
	if _, err := m.Down(t.Context(), false); !errors.Is(err, postgres.ErrNothingToUndo) {
		t.Errorf("Down with nothing applied: %v", err)
	}
	if diff := cmp.Diff(files(t), up(t, m)); diff != "" {
		t.Errorf("applied again (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(whole, describe(t, conn)); diff != "" {
		t.Errorf("up, down and up (-once +again):\n%s", diff)
	}
}

// down undoes one migration. The first one takes the policies with it that a
// fresh database has, which needs saying.
func down(t *testing.T, m *postgres.Migrator, left int) (string, error) {
	t.Helper()
	if left == 0 {
		_, err := m.Down(t.Context(), false)
		var rows *postgres.RowsError
		if !errors.As(err, &rows) || rows.Table != "orderbell.policy" {
			t.Errorf("undoing the first: %v", err)
		}
	}
	return m.Down(t.Context(), left == 0)
}

// A policy that an operator has changed outlives the migration that made it.
func TestDownKeepsChangedPolicies(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	m, conn := migrator(t, url), connect(t, url)
	execute(t, conn, "update orderbell.policy set timeout = '7 s' where name = 'standard'")
	execute(t, conn, "delete from orderbell.policy where name = 'quick'")
	const before = 3 // the policies are made by the fourth
	for range migrations.Version - before {
		if _, err := m.Down(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	up(t, m)
	if !scan[bool](t, conn, "select timeout = '7 s' from orderbell.policy where name = 'standard'") {
		t.Error("the change is lost")
	}
	if n := scan[int](t, conn, "select count(*) from orderbell.policy"); n != 6 {
		t.Errorf("%d policies are there, want 6", n)
	}
}

const comment = "Orderbell: notifications written in the order's own commit, delivered by workers, with a history to query."

// Each migration undone and done again, the others being there: what is undone
// in part must be whole again.
func TestEachDownIsUndoneByUp(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	m, conn := migrator(t, url), connect(t, url)
	up(t, m)
	whole := describe(t, conn)
	for steps := 1; steps <= migrations.Version; steps++ {
		for undone := range steps {
			if _, err := down(t, m, migrations.Version-undone-1); err != nil {
				t.Fatal(err)
			}
		}
		up(t, m)
		if diff := cmp.Diff(whole, describe(t, conn)); diff != "" {
			t.Errorf("%d down, and up (-before +after):\n%s", steps, diff)
		}
	}
}

// Limits and pauses outlive the migration that made them work; leases, breakers and
// what is planned do not, and keep nobody from undoing it.
func TestDownKeepsLimits(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	m, conn := migrator(t, url), connect(t, url)
	execute(t, conn, "insert into orderbell.endpoint (id, url, max_in_flight, rate_per_second) values ('m-1', 'http://shop.example/', 5, 0.5)")
	execute(t, conn, "select orderbell.enqueue('m-1', 'trade.success', 'A1', '{}')")
	execute(t, conn, "select orderbell.pause('m-1', 'asked')")
	execute(t, conn, "select orderbell.reserve('{m-1}', '{1}', '{1}', 'w-1/0000', '8 s')")
	execute(t, conn, "insert into orderbell.breaker (endpoint, probe_at, reason, opened_by) values ('m-1', now(), 'refused', 'w-1')")
	const before = 11
	for range migrations.Version - before {
		if _, err := m.Down(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	if said := scan[string](t, conn, "select explanation from orderbell.notification_status"); !strings.Contains(said, "is due since") {
		t.Errorf("undone, it says: %s", said)
	}
	up(t, m)
	kept := scan[string](t, conn, "select concat_ws(' ', max_in_flight, rate_per_second, paused_at is not null, pause_reason) from orderbell.endpoint")
	if kept != "5 0.5 t" {
		t.Errorf("of the endpoint is kept: %s", kept)
	}
	if said := scan[string](t, conn, "select explanation from orderbell.notification_status"); !strings.HasPrefix(said, "paused since ") {
		t.Errorf("done again, it says: %s", said)
	}
	if breaker := scan[string](t, conn, "select breaker from orderbell.endpoint_health"); breaker != "closed" {
		t.Errorf("its breaker is %s", breaker)
	}
}

// A dashboard of the user's own, made from our views, outlives a migration.
func TestUpKeepsViewsOfOthers(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	m, conn := migrator(t, url), connect(t, url)
	up(t, m)
	const before = 11
	for range migrations.Version - before {
		if _, err := m.Down(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	execute(t, conn, "create view public.mine as select s.explanation, b.due_now from orderbell.notification_status s, orderbell.backlog b")
	execute(t, conn, "insert into orderbell.endpoint values ('m-1', 'http://shop.example/')")
	execute(t, conn, "select orderbell.enqueue('m-1', 'trade.success', 'A1', '{}')")
	up(t, m)
	if said := scan[string](t, conn, "select due_now || explanation from mine"); !strings.HasPrefix(said, "1attempt 1 is due since") {
		t.Errorf("it says: %s", said)
	}
}

func TestDownRefusesToDropRows(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ insert, table string }{
		"a notification": {
			insert: `insert into orderbell.endpoint values ('m-1', 'http://shop.example/');
				select orderbell.enqueue('m-1', 'trade.success', '1', '{}')`,
			table: "orderbell.delivery",
		},
		"an endpoint": {
			insert: "insert into orderbell.endpoint values ('m-1', 'http://shop.example/')",
			table:  "orderbell.endpoint",
		},
		"a policy": {
			insert: "insert into orderbell.policy (name, ladder, acknowledge) values ('ours', '{1s}', 'true')",
			table:  "orderbell.policy",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.Empty(t)
			m, conn := migrator(t, url), connect(t, url)
			up(t, m)
			// The simple protocol takes several statements.
			execute(t, conn, test.insert, pgx.QueryExecModeSimpleProtocol)
			for range migrations.Version - 1 {
				if _, err := m.Down(t.Context(), false); err != nil {
					t.Fatal(err)
				}
			}
			_, err := m.Down(t.Context(), false)
			var rows *postgres.RowsError
			if !errors.As(err, &rows) {
				t.Fatalf("it said %v, want a RowsError", err)
			}
			if want := (postgres.RowsError{Migration: files(t)[0], Table: test.table}); *rows != want {
				t.Errorf("it said %+v, want %+v", *rows, want)
			}
			if v := version(t, conn); v != 1 {
				t.Errorf("schema_version() is %d after the refusal", v)
			}
			if _, err := m.Down(t.Context(), true); err != nil {
				t.Errorf("with dropRows: %v", err)
			}
		})
	}
}

func migrator(t *testing.T, url string) *postgres.Migrator {
	t.Helper()
	m, err := postgres.NewMigrator(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func up(t *testing.T, m *postgres.Migrator) []string {
	t.Helper()
	applied, err := m.Up(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return applied
}

func version(t testing.TB, conn *pgx.Conn) int {
	t.Helper()
	return scan[int](t, conn, "select orderbell.schema_version()")
}

// files are the migrations, in order.
func files(t testing.TB) []string {
	t.Helper()
	names, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		var number int
		if _, err := fmt.Sscanf(name, "%05d_", &number); err != nil || number != i+1 {
			t.Errorf("file %d is called %s", i+1, name)
		}
	}
	return names
}

// An order that is open for long delays a migration, which delays no other order: it
// gives up what it waits for, and tries again.
func TestMigratingWaitsForOpenOrders(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	m := migrator(t, url)
	const before = 12 // the thirteenth changes what orders read
	for range migrations.Version - before {
		if _, err := m.Down(t.Context(), true); err != nil {
			t.Fatal(err)
		}
	}
	order, other := connect(t, url), connect(t, url)
	execute(t, order, "begin")
	execute(t, order, "select from orderbell.setting, orderbell.delivery, orderbell.endpoint, orderbell.policy") // as the table's trigger does
	done := make(chan error, 1)
	go func() { _, err := m.Up(context.WithoutCancel(t.Context())); done <- err }()
	pgtest.Eventually(t, 20*time.Second, "the migration waits", func() error {
		var waits bool
		if err := other.QueryRow(t.Context(), "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')").Scan(&waits); err != nil {
			return err
		}
		if !waits {
			return errors.New("it does not")
		}
		return nil
	})
	execute(t, other, "set lock_timeout = '1s'")
	execute(t, other, "select from orderbell.setting, orderbell.delivery, orderbell.endpoint, orderbell.policy") // another order, behind it
	select {
	case err := <-done:
		t.Fatalf("it ended beside an open order: %v", err)
	default:
	}
	execute(t, order, "commit")
	if err := <-done; err != nil {
		t.Error(err)
	}
	if v := version(t, other); v != migrations.Version {
		t.Errorf("the schema is at version %d", v)
	}
}
