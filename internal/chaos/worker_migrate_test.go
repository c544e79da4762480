package chaos_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// stopInTheMiddle makes a migration wait in the middle of its third file, for whoever
// holds the lock 4242: also one that asks for locks with little patience. Which of the
// migrators waits, the lock (4243, its number) says.
const stopInTheMiddle = `
create function public.wait_in_the_middle() returns event_trigger language plpgsql as $$
begin
  if exists (select 1 from pg_event_trigger_ddl_commands() where object_identity like 'orderbell.release(%') then
    perform pg_advisory_xact_lock(4243, current_setting('chaos.migrator', true)::int);
    perform set_config('lock_timeout', '0', true);
    perform pg_advisory_xact_lock_shared(4242);
  end if;
end $$;
create event trigger wait_in_the_middle on ddl_command_end when tag in ('CREATE FUNCTION') execute function public.wait_in_the_middle()`

// shape is everything of the schema, a line each; partitions depend on the day.
const shape = `
select string_agg(line, E'\n' order by line) from (
  select format('%s %s %s %s', c.relkind, c.relname, a.attname, format_type(a.atttypid, a.atttypmod)) as line
  from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
  where c.relnamespace = 'orderbell'::regnamespace and not c.relispartition
  union all
  select p.oid::regprocedure || md5(p.prosrc) from pg_proc p where p.pronamespace = 'orderbell'::regnamespace
  union all
  select conrelid::regclass || pg_get_constraintdef(o.oid) from pg_constraint o
  join pg_class c on c.oid = o.conrelid and not c.relispartition where o.connamespace = 'orderbell'::regnamespace
  union all
  select pg_get_triggerdef(g.oid) from pg_trigger g join pg_class c on c.oid = g.tgrelid and not c.relispartition
  where c.relnamespace = 'orderbell'::regnamespace and not tgisinternal
  union all
  select 'version ' || version_id || ' ' || count(*) from orderbell.goose_db_version group by version_id
) lines`

// Ten migrators start at once on an empty database, and the one that works is killed in
// the middle of a file. Another goes on where it was, and the schema is whole.
func TestTenMigrators(t *testing.T) {
	t.Parallel()
	database := pgtest.Empty(t)
	whole := chaos.New(t, chaos.Options{}).Text(shape)
	goOn := holding(t, database, stopInTheMiddle, "select pg_advisory_lock(4242)")
	var migrators []*chaos.Command
	for n := range 10 {
		at := fmt.Sprintf("%s&options=-c%%20chaos.migrator%%3D%d", database, n)
		migrators = append(migrators, chaos.StartCommand(t, at, "migrate", "up"))
	}
	killed := whoWaits(t, database)
	migrators[killed].Kill()
	goOn()
	for n, m := range migrators {
		if status := m.Wait(); n != killed && status != 0 {
			t.Errorf("migrator %d ended with status %d: %s", n, status, m.Log())
		}
	}
	h := chaos.New(t, chaos.Options{URL: database})
	h.SQL("drop event trigger wait_in_the_middle")
	if diff := cmp.Diff(strings.Split(whole, "\n"), strings.Split(h.Text(shape), "\n")); diff != "" {
		t.Errorf("the schema is not whole (-want +got):\n%s", diff)
	}
	h.Work("w1")
	h.Shop(chaos.ShopOptions{Orders: 20})
	h.AtRest()
	h.Check()
}

// holding runs statements on a connection that stays open until release is called.
func holding(t *testing.T, database string, statements ...string) (release func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	release = func() { _ = conn.Close(context.WithoutCancel(t.Context())) }
	t.Cleanup(release)
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return release
}

// whoWaits waits until a migrator waits in the middle, and returns its number.
func whoWaits(t *testing.T, database string) (number int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	pgtest.Eventually(t, time.Minute, "a migrator to wait in the middle", func() error {
		return conn.QueryRow(t.Context(), `
			select has.objid::int from pg_locks has join pg_locks wants using (pid)
			where has.locktype = 'advisory' and has.classid = 4243 and has.granted
			  and wants.locktype = 'advisory' and wants.objid = 4242 and not wants.granted
			  and has.database = (select oid from pg_database where datname = current_database())`).Scan(&number)
	})
	return number
}
