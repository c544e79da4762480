package chaos

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Lock takes tables of the schema orderbell for itself until release is called, so
// that a process can be met in the middle of a statement: see [House.Blocked].
func (h *House) Lock(tables ...string) (release func()) {
	h.t.Helper()
	ctx, end := context.WithCancel(context.WithoutCancel(h.t.Context()))
	conn, err := pgx.Connect(ctx, h.URL)
	if err != nil {
		end()
		h.t.Fatalf("connect to lock: %v", err)
	}
	release = func() { _ = conn.Close(ctx); end() } // which rolls back; a second time it does nothing
	h.t.Cleanup(release)
	qualified := make([]string, len(tables))
	for i, table := range tables {
		qualified[i] = pgx.Identifier{"orderbell", table}.Sanitize()
	}
	statement := "begin; set local lock_timeout = '1min'; lock table only " + strings.Join(qualified, ", ") + " in access exclusive mode"
	if _, err := conn.Exec(ctx, statement); err != nil {
		h.t.Fatalf("lock %s: %v", strings.Join(tables, ", "), err)
	}
	return release
}

// Partitions are the partitions of a table. With them locked, and not the table, a
// statement is stopped when it has done half of its work.
func (h *House) Partitions(table string) []string {
	h.t.Helper()
	return strings.Fields(h.Text(`select string_agg(c.relname, ' ' order by c.relname)
		from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = ('orderbell.' || $1)::regclass`, table))
}

// Blocked waits until one of a worker's statements of that name waits for a lock.
func (h *House) Blocked(w *Worker, statement string) {
	h.t.Helper()
	h.Becomes("true", "select count(*) > 0 from pg_stat_activity where "+backendOf+
		" and wait_event_type = 'Lock' and query like '/* orderbell:' || $2 || ' */%'", w.Name, statement)
}

// backendOf is SQL for the backends of a worker, whose name is $1.
const backendOf = `datname = current_database() and application_name ~ ('^orderbell/' || $1 || '([^A-Za-z0-9]|$)')`

// EndBackends ends the backends that a worker has now, and returns when they are gone:
// a statement that waits for a lock would otherwise be carried out for a worker that
// is dead.
func (h *House) EndBackends(w *Worker) {
	h.t.Helper()
	// Materialized: else it may end those of other databases before it compares that.
	pids := h.Text("with own as materialized (select pid from pg_stat_activity where "+backendOf+") "+
		"select string_agg(pid::text, ' ') from own where pg_terminate_backend(pid)", w.Name)
	h.Becomes("0", "select count(*) from pg_stat_activity where pid = any (string_to_array($1, ' ')::int[])", pids)
}
