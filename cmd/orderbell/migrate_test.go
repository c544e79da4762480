package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/migrations"
)

func TestMigrate(t *testing.T) {
	t.Parallel()
	env := []string{"ORDERBELL_DATABASE_URL=" + pgtest.Empty(t)}
	migrate := func(status int, stdout, stderr string, args ...string) string {
		t.Helper()
		got := run(t, env, append([]string{"migrate"}, args...)...)
		got.wants(t, status, stdout, stderr)
		if stderr != "" {
			got.oneLine(t)
		}
		return got.stdout
	}
	migrate(1, "", "no migration is applied", "down")
	if table := migrate(0, "00001_tables.sql", "", "status"); strings.Count(table, "not yet") != migrations.Version {
		t.Errorf("the status before: %s", table)
	}
	if applied := migrate(0, "applied 00001_tables.sql\n", "", "up"); strings.Count(applied, "applied ") != migrations.Version {
		t.Errorf("applied: %s", applied)
	}
	migrate(0, "nothing to do\n", "", "up")
	if table := migrate(0, " UTC\n", "", "status"); strings.Contains(table, "not yet") {
		t.Errorf("the status after: %s", table)
	}
	run(t, env, "endpoint", "add", "m-1", "https://shop.example/notify").wants(t, 0, "added", "")
	for range migrations.Version - 1 {
		migrate(0, "undone ", "", "down")
	}
	migrate(1, "", "undoing 00001_tables.sql would drop the rows of orderbell.", "down")
	migrate(1, "", "orderbell migrate down --yes", "down")
	migrate(0, "undone 00001_tables.sql\n", "", "down", "--yes")
	migrate(1, "", "no migration is applied", "down", "--yes")
	migrate(0, "applied 00001_tables.sql\n", "", "up")
}

// Ten at once, as when a service with ten replicas is rolled out: one works, the
// others wait, and nobody fails.
func TestMigrateTenAtOnce(t *testing.T) {
	t.Parallel()
	address := pgtest.Empty(t)
	var all []*process
	for range 10 {
		all = append(all, start(t, []string{"ORDERBELL_DATABASE_URL=" + address}, "migrate", "up"))
	}
	applied := map[string]int{}
	for _, p := range all {
		if status := p.wait(); status != 0 || p.stderr.String() != "" {
			t.Errorf("status %d: %s", status, p.stderr.String())
		}
		for line := range strings.Lines(p.stdout.String()) {
			applied[strings.TrimSpace(line)]++
		}
	}
	if len(applied) != migrations.Version+1 || applied["nothing to do"] == 0 {
		t.Errorf("they said: %v", applied)
	}
	for line, times := range applied {
		if line != "nothing to do" && times != 1 {
			t.Errorf("%d times: %s", times, line)
		}
	}
	var recorded string
	err := connect(t, address).QueryRow(t.Context(),
		"select string_agg(version_id || ' ' || is_applied, ', ' order by id) from orderbell.goose_db_version where version_id > 0").Scan(&recorded)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for version := range migrations.Version {
		want = append(want, fmt.Sprintf("%d true", version+1))
	}
	if recorded != strings.Join(want, ", ") {
		t.Errorf("recorded: %s", recorded)
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "folder")
	first := run(t, nil, "migrate", "export", dir)
	first.wants(t, 0, "wrote "+filepath.Join(dir, "00001_tables.sql"), "")
	if got, want := files(t, dir), strings.Count(first.stdout, "\n"); len(got) != want || want != migrations.Version {
		t.Errorf("the folder has %v, and %d were written", got, want)
	}
	run(t, nil, "migrate", "export", dir).wants(t, 0, "nothing to do", "")

	// What is missing is written, beside what is there.
	remove(t, filepath.Join(dir, "00002_checks.sql"))
	write(t, filepath.Join(dir, "00001_shop.sql"), "-- the shop's own")
	second := run(t, nil, "migrate", "export", dir)
	second.wants(t, 0, "wrote "+filepath.Join(dir, "00002_checks.sql")+"\n", "")
	if strings.Count(second.stdout, "\n") != 1 {
		t.Errorf("more was written: %s", second.stdout)
	}
}

func TestExportOverwritesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mine := filepath.Join(dir, "00003_enqueue.sql")
	write(t, mine, "-- changed")
	write(t, filepath.Join(dir, "00005_views.sql"), "-- changed")
	got := run(t, nil, "migrate", "export", dir)
	got.wants(t, 1, "", "another content: 00003_enqueue.sql, 00005_views.sql; nothing was written")
	got.oneLine(t)
	if content, err := os.ReadFile(mine); err != nil || string(content) != "-- changed" {
		t.Errorf("the file is now %q, %v", content, err)
	}
	if left := files(t, dir); len(left) != 2 {
		t.Errorf("the folder has %v", left)
	}
}

func TestExportToAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "x")
	got := run(t, nil, "migrate", "export", file)
	got.wants(t, 1, "", "not a directory")
	got.oneLine(t)
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
