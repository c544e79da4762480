package main_test

import (
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
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
	send(t, db, merchant)
	dir := privateFolder(t, db)

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

// A private Postgres that is killed takes its worker along, at once if it is idle
// and when the leases have ended if not.
func TestPrivateDatabaseIsKilled(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		signal   syscall.Signal // SIGKILL leaks Postgres's shared memory: once is enough
		inFlight bool
	}{
		{"idle", syscall.SIGKILL, false},
		{"with a request in flight", syscall.SIGQUIT, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			merchant := merchanttest.New(t)
			merchant.Script("", merchanttest.Broken(merchanttest.Hang))
			worker := start(t, nil, "work", "--private-database")
			worker.says(starts)
			db := connect(t, privateURL(t, worker.stderr.String()))
			if test.inFlight {
				send(t, db, merchant)
			}
			dir := privateFolder(t, db)
			postmaster, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
			if err != nil {
				t.Fatal(err)
			}
			line, _, _ := strings.Cut(string(postmaster), "\n")
			pid, err := strconv.Atoi(line)
			if err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(pid, test.signal); err != nil {
				t.Fatal(err)
			}
			if status := worker.wait(); status != 1 {
				t.Errorf("status %d", status)
			}
			log := worker.stderr.String()
			if !strings.Contains(log, "\norderbell: the private PostgreSQL has ended, though nobody stopped it; ") || !strings.HasSuffix(log, " is gone\n") {
				t.Error("it does not say why it ended")
			}
			if _, err := os.Stat(filepath.Dir(dir)); !os.IsNotExist(err) {
				t.Errorf("the private Postgres is still in %s: %v", dir, err)
			}
		})
	}
}

// send has the merchant receive a request.
func send(t testing.TB, db *pgx.Conn, merchant *merchanttest.Merchant) {
	t.Helper()
	if _, err := db.Exec(t.Context(), "insert into orderbell.endpoint (id, url) values ('m-1', $1)", merchant.URL); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), "select orderbell.enqueue('m-1', 'trade.success', 'o-1', '{}')"); err != nil {
		t.Fatal(err)
	}
	merchant.Wait(withTimeout(t), 1)
}

// privateFolder is where the private Postgres keeps its data.
func privateFolder(t testing.TB, db *pgx.Conn) string {
	t.Helper()
	var dir string
	if err := db.QueryRow(t.Context(), "show data_directory").Scan(&dir); err != nil {
		t.Fatal(err)
	}
	return dir
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
