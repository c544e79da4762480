package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/bench"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// benchPatience is for a whole run, with -race on a machine that does other things.
const benchPatience = 4 * time.Minute

func (p *process) waitLong(limit time.Duration) int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(limit):
		p.t.Fatalf("%s did not end within %s", strings.Join(p.cmd.Args, " "), limit)
	}
	return p.cmd.ProcessState.ExitCode()
}

// Every measure comes with a figure and a yardstick, whatever they are.
func TestBench(t *testing.T) {
	t.Parallel()
	// Somebody's shell may hold production's address.
	b := start(t, []string{"ORDERBELL_DATABASE_URL=postgres://u@" + closedPort(t) + "/production"}, "bench", "--quick", "--json")
	if status := b.waitLong(benchPatience); status != 0 {
		t.Fatalf("status %d", status)
	}
	var report bench.Report
	if err := json.Unmarshal([]byte(b.stdout.String()), &report); err != nil {
		t.Fatal(err)
	}
	if !report.Completed || !report.Quick || !report.Machine.OwnDatabase || report.Seconds <= 0 {
		t.Errorf("the report begins %+v", report)
	}
	yardsticks := map[string]bool{}
	for _, f := range report.Figures {
		if f.Value == nil && f.Note == "" {
			t.Errorf("%s, %s has no figure, and no reason", f.Measure, f.Figure)
		}
		if f.Target != nil && f.Target.OK != nil {
			t.Errorf("%s, %s is judged, though it is rough", f.Measure, f.Figure)
		}
		yardsticks[f.Measure] = yardsticks[f.Measure] || (f.Value != nil && f.Yardstick != nil)
	}
	for _, name := range bench.Names() {
		if !yardsticks[name] {
			t.Errorf("%s has no figure beside a yardstick", name)
		}
		if !strings.Contains(b.stderr.String(), name+" ") {
			t.Errorf("no progress of %s was shown", name)
		}
	}
}

func TestBenchUsage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, says string }{
		{"--only drain,speed", "the measures are: " + strings.Join(bench.Names(), ", ")},
		{"--rounds -1", "at least 1"},
		{"now", "usage: orderbell bench"},
	} {
		got := run(t, nil, append([]string{"bench"}, strings.Fields(test.args)...)...)
		got.wants(t, 2, "", test.says)
		got.oneLine(t)
	}
}

func TestBenchWithoutDatabase(t *testing.T) {
	t.Parallel()
	got := run(t, nil, "bench", "--quick", "--database", "postgres://u:secretword@"+closedPort(t)+"/x?sslmode=disable")
	got.wants(t, 1, "", "connection refused")
	got.oneLine(t)
	got = run(t, nil, "bench", "--quick", "--database", "postgres://u:secretword@[::1/x")
	got.wants(t, 1, "", "the URL cannot be read")
	got.oneLine(t)
	if strings.Contains(got.stderr, "secretword") {
		t.Errorf("the password is shown: %s", got.stderr)
	}
}

// Whoever may not make databases learns what to do.
func TestBenchWithoutRight(t *testing.T) {
	t.Parallel()
	admin := connect(t, pgtest.Server(t).URL("postgres"))
	role := "bench_" + strconv.FormatInt(time.Now().UnixNano(), 36)
	if _, err := admin.Exec(t.Context(), "create role "+role+" login password 'secretword'"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = admin.Exec(context.Background(), "drop role "+role) })
	u, err := url.Parse(pgtest.Server(t).URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "secretword")
	got := run(t, nil, "bench", "--quick", "--database", u.String())
	got.wants(t, 1, "", `alter role "`+role+`" createdb`)
	got.oneLine(t)
}

// traces are what a run has started and made, found while it runs.
type traces struct {
	database, merchant string
	worker             int // its process
}

// benchOn starts a bench on the server of the tests, and waits until there is a
// worker.
func benchOn(t *testing.T) (*process, traces) {
	t.Helper()
	server := pgtest.Server(t)
	b := start(t, nil, "bench", "--only", "memory", "--json", "--database", server.URL("postgres"))
	const before, after = "works in the new database ", ", and drops"
	b.says(after)
	_, rest, _ := strings.Cut(b.stderr.String(), before)
	var found traces
	found.database, _, _ = strings.Cut(rest, after)
	admin := connect(t, server.URL("postgres"))
	pgtest.Eventually(t, patience, "the bench to start a worker", func() error {
		var name string
		err := admin.QueryRow(t.Context(), `
			select application_name from pg_stat_activity
			where datname = $1 and application_name like 'orderbell/%' limit 1`, found.database).Scan(&name)
		if err != nil {
			return err
		}
		found.worker, err = strconv.Atoi(name[strings.LastIndex(name, "-")+1:])
		return err
	})
	own := connect(t, server.URL(found.database))
	if err := own.QueryRow(t.Context(), "select url from orderbell.endpoint limit 1").Scan(&found.merchant); err != nil {
		t.Fatal(err)
	}
	if err := own.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b, found
}

// gone waits until neither the worker nor the merchant is there any more.
func (found traces) gone(t *testing.T) {
	t.Helper()
	pgtest.Eventually(t, patience, "the processes of the bench to end", func() error {
		if err := syscall.Kill(found.worker, 0); !errors.Is(err, syscall.ESRCH) {
			return errors.New("the worker is there")
		}
		u, err := url.Parse(found.merchant)
		if err != nil {
			return err
		}
		conn, err := net.Dial("tcp", u.Host)
		if err == nil {
			conn.Close()
			return errors.New("the merchant listens")
		}
		return nil
	})
}

func (found traces) databases(t *testing.T) (n int) {
	t.Helper()
	admin := connect(t, pgtest.Server(t).URL("postgres"))
	if err := admin.QueryRow(t.Context(), "select count(*) from pg_database where datname = $1", found.database).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestBenchInterrupted(t *testing.T) {
	t.Parallel()
	b, found := benchOn(t)
	b.signal(syscall.SIGINT)
	status := b.waitLong(time.Minute)
	got := result{b.stdout.String(), b.stderr.String(), status}
	if !strings.Contains(got.stderr, "orderbell: the bench was interrupted") {
		t.Errorf("it says %q", got.stderr)
	}
	if status != 1 {
		t.Errorf("status %d", status)
	}
	found.gone(t)
	if n := found.databases(t); n != 0 {
		t.Error("its database is left")
	}
}

// A bench that is killed cannot drop its database; its processes end.
func TestBenchKilled(t *testing.T) {
	t.Parallel()
	b, found := benchOn(t)
	b.signal(syscall.SIGKILL)
	b.waitLong(time.Minute)
	found.gone(t)
	admin := connect(t, pgtest.Server(t).URL("postgres"))
	if _, err := admin.Exec(t.Context(), "drop database "+found.database+" with (force)"); err != nil {
		t.Error(err)
	}
}
