package main_test

import (
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/pgtest"
)

func TestPrivateDatabase(t *testing.T) {
	t.Parallel()
	merchant := merchanttest.New(t)
	// The configured database is not there, and nobody minds.
	worker := start(t, []string{"ORDERBELL_DATABASE_URL=postgres://u:secretword@" + closedPort(t) + "/x"}, "work", "--private-database")
	worker.says(starts)
	for _, want := range []string{"database.url is set, and not used", "requests to this machine's loopback addresses are allowed"} {
		worker.says(want)
	}
	db := connect(t, privateURL(t, worker.stderr.String()))
	if _, err := db.Exec(t.Context(), "insert into orderbell.endpoint (id, url) values ('m-1', $1)", merchant.URL); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), "select orderbell.enqueue('m-1', 'trade.success', 'o-1', '{}')"); err != nil {
		t.Fatal(err)
	}
	merchant.Wait(withTimeout(t), 1)
	var dir string
	if err := db.QueryRow(t.Context(), "show data_directory").Scan(&dir); err != nil {
		t.Fatal(err)
	}

	worker.signal(syscall.SIGTERM)
	if status := worker.wait(); status != 0 {
		t.Errorf("status %d", status)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the private Postgres is still in %s: %v", dir, err)
	}
	if worker.stdout.String() != "" {
		t.Errorf("standard output has %s", worker.stdout.String())
	}
}

// A signal before Postgres is up is no failure either, and leaves nothing behind.
func TestStopWhileThePrivateDatabaseStarts(t *testing.T) {
	t.Parallel()
	// PostgreSQL's user must be able to enter it, which t.TempDir does not allow.
	dir, err := os.MkdirTemp("/tmp", "orderbell-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	worker := start(t, []string{"TMPDIR=" + dir}, "work", "--private-database")
	clusters := func() []string {
		found, err := filepath.Glob(filepath.Join(dir, "orderbell-pg-*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	pgtest.Eventually(t, patience, "the folder of the private Postgres", func() error {
		if len(clusters()) == 0 {
			return errors.New("there is none")
		}
		return nil
	})
	worker.signal(syscall.SIGTERM)
	if status := worker.wait(); status != 0 {
		t.Errorf("status %d", status)
	}
	if left := clusters(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// privateURL reads the psql line, or the URL where there is no psql.
func privateURL(t testing.TB, log string) string {
	t.Helper()
	if _, err := exec.LookPath("psql"); err != nil {
		return regexp.MustCompile(`postgres://\S+`).FindString(log)
	}
	line := regexp.MustCompile(`PGPASSWORD=(\S+) \S*psql -h (\S+) -p (\d+) -U (\S+) (\S+)`).FindStringSubmatch(log)
	if line == nil {
		t.Fatalf("no psql line in %s", log)
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(line[4], line[1]), Host: strings.Join(line[2:4], ":"), Path: line[5]}
	return u.String()
}

func connect(t testing.TB, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(withTimeout(t)) })
	return conn
}
