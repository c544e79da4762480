package devpg_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/devpg"
	"github.com/orderbell/orderbell/internal/pgtest"
)

func TestStandbyFollows(t *testing.T) {
	t.Parallel()
	primary := start(t, devpg.Options{})
	url := primary.URL("postgres")
	execute(t, primary, "create table item as select 1 as n")
	standby := standBy(t, primary, devpg.StandbyOptions{})
	if primary.URL("postgres") != url {
		t.Errorf("the primary moved to %s", primary.URL("postgres"))
	}
	if got := execute(t, standby, "select pg_is_in_recovery()::text"); got != "true" {
		t.Errorf("the standby is in recovery: %s", got)
	}
	execute(t, primary, "insert into item values (2)")
	untilItems(t, standby, "2")
	if got := execute(t, primary, "select string_agg(sync_state, ',') from pg_stat_replication"); got != "async" {
		t.Errorf("the primary has standbys %q", got)
	}
	pid, dir := standby.PID(), standby.Dir()
	if err := standby.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if running(t, pid) || !missing(dir) {
		t.Error("something of the standby is left")
	}
	execute(t, primary, "insert into item values (3)")
}

// Either may go away, in both ways, and the standby follows again.
func TestStandbyFollowsAgain(t *testing.T) {
	t.Parallel()
	primary := start(t, devpg.Options{})
	execute(t, primary, "create table item as select 1 as n")
	standby := standBy(t, primary, devpg.StandbyOptions{})
	items := 1
	for name, fault := range map[string]func() error{
		"primary restarted": func() error { return primary.Restart(t.Context()) },
		"primary killed":    func() error { return errors.Join(primary.Kill(t.Context()), primary.Restart(t.Context())) },
		"standby restarted": func() error { return standby.Restart(t.Context()) },
		"standby killed":    func() error { return errors.Join(standby.Kill(t.Context()), standby.Restart(t.Context())) },
		"standby up first": func() error {
			return errors.Join(primary.Kill(t.Context()), standby.Restart(t.Context()), primary.Restart(t.Context()))
		},
	} {
		if err := fault(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		execute(t, primary, "insert into item values (1)")
		items++
		untilItems(t, standby, fmt.Sprint(items))
	}
}

func TestSynchronousStandbyIsPromoted(t *testing.T) {
	t.Parallel()
	primary := start(t, devpg.Options{}) // which by itself commits without waiting
	standby := standBy(t, primary, devpg.StandbyOptions{Synchronous: true})
	execute(t, primary, "create table item as select n from generate_series(1, 100) n")
	if err := primary.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	execute(t, standby, "insert into item values (101)") // at once
	if got := execute(t, standby, "select count(*)::text from item"); got != "101" {
		t.Errorf("after the promotion there are %s rows", got)
	}
	var got int
	if err := connect(t, both(t, primary, standby)).QueryRow(t.Context(), "select count(*) from item").Scan(&got); err != nil {
		t.Errorf("find the new primary by the URL of both: %v", err)
	}
	// It is a primary for good, whose commits outlive a crash.
	if err := errors.Join(standby.Kill(t.Context()), standby.Restart(t.Context())); err != nil {
		t.Fatal(err)
	}
	execute(t, standby, "insert into item values (102)")
	if got := execute(t, standby, "select count(*)::text from item"); got != "102" {
		t.Errorf("after its crash there are %s rows", got)
	}
	if err := standby.Promote(t.Context()); err == nil || !strings.Contains(err.Error(), "is no standby") {
		t.Errorf("promote it again: %v", err)
	}
	// And may have a standby itself.
	next := standBy(t, standby, devpg.StandbyOptions{})
	untilItems(t, next, "102")
}

func TestCommitsWaitForASynchronousStandby(t *testing.T) {
	t.Parallel()
	primary := start(t, devpg.Options{})
	execute(t, primary, "create table item as select 1 as n")
	standby := standBy(t, primary, devpg.StandbyOptions{Synchronous: true})
	if err := standby.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, committed := connect(t, primary.URL("postgres")), make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), "insert into item values (2)")
		committed <- err
	}()
	pgtest.Eventually(t, 20*time.Second, "the commit to wait", func() error {
		if got := execute(t, primary, "select count(*)::text from pg_stat_activity where wait_event = 'SyncRep'"); got != "1" {
			return errors.New(got + " wait")
		}
		return nil
	})
	if err := standby.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-committed; err != nil {
		t.Errorf("the commit failed: %v", err)
	}
	untilItems(t, standby, "2")
	// Another standby doesn't count, and waits for nobody itself once promoted.
	another := standBy(t, primary, devpg.StandbyOptions{})
	pgtest.Eventually(t, 20*time.Second, "both standbys to follow", func() error {
		got := execute(t, primary, "select application_name || ' ' || sync_state from pg_stat_replication order by 1")
		if got != "asynchronous async\nsynchronous sync" {
			return errors.New("the primary has " + got)
		}
		return nil
	})
	if err := errors.Join(primary.Kill(t.Context()), another.Promote(t.Context())); err != nil {
		t.Fatal(err)
	}
	execute(t, another, "insert into item values (3)")
}

// Whatever goes wrong, the primary must go on, and nobody wait for a standby.
func TestStandbyFails(t *testing.T) {
	t.Parallel()
	primary := start(t, devpg.Options{})
	execute(t, primary, "create table item as select 1 as n")
	dir, port := shared(t)+"/pg", taken(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		opts devpg.StandbyOptions
		want string
	}{
		"cancelled":  {ctx: cancelled, opts: devpg.StandbyOptions{Dir: dir, Synchronous: true}, want: "context canceled"},
		"taken port": {ctx: t.Context(), opts: devpg.StandbyOptions{Dir: dir, Port: port, Synchronous: true}, want: "the port is taken"},
	} {
		if _, err := primary.Standby(test.ctx, test.opts); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		if !missing(dir) {
			t.Errorf("%s: the standby's folder is left", name)
		}
		execute(t, primary, "insert into item values (2)")
	}
	if err := primary.Promote(t.Context()); err == nil {
		t.Error("a primary was promoted")
	}
	if err := primary.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := primary.Standby(t.Context(), devpg.StandbyOptions{}); err == nil {
		t.Error("a stopped server got a standby")
	}
}

func standBy(t *testing.T, primary *devpg.Server, opts devpg.StandbyOptions) *devpg.Server {
	t.Helper()
	standby, err := primary.Standby(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, standby)
	return standby
}

func untilItems(t *testing.T, standby *devpg.Server, want string) {
	t.Helper()
	pgtest.Eventually(t, 20*time.Second, "rows to reach the standby", func() error {
		if got := execute(t, standby, "select count(*)::text from item"); got != want {
			return fmt.Errorf("it has %s, want %s", got, want)
		}
		return nil
	})
}

// both is a URL with two hosts, of which a client takes the primary.
func both(t *testing.T, first, second *devpg.Server) string {
	t.Helper()
	one, errOne := url.Parse(first.URL("postgres"))
	two, errTwo := url.Parse(second.URL("postgres"))
	if err := errors.Join(errOne, errTwo); err != nil {
		t.Fatal(err)
	}
	one.Host += "," + two.Host
	one.RawQuery += "&target_session_attrs=read-write"
	return one.String()
}

// execute runs one statement on a connection of its own, and returns what it says.
func execute(t *testing.T, server *devpg.Server, statement string) string {
	t.Helper()
	conn := connect(t, server.URL("postgres"))
	defer func() { _ = conn.Close(t.Context()) }()
	rows, err := conn.Query(t.Context(), statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return strings.Join(values, "\n")
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
