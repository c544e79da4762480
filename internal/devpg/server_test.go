package devpg_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/devpg"
)

func TestStartAndStop(t *testing.T) {
	t.Parallel()
	server := start(t, devpg.Options{})
	if got := query(t, server, "select current_user"); got != "orderbell" {
		t.Errorf("connected as %q", got)
	}
	info, err := os.Stat(server.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("other users can enter the folder: %s", info.Mode())
	}
	pid := server.PID()
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if running(t, pid) || server.PID() != 0 {
		t.Errorf("postgres %d runs after Stop; PID says %d", pid, server.PID())
	}
	if !missing(server.Dir()) {
		t.Errorf("folder %s is there after Stop", server.Dir())
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Errorf("the second Stop: %v", err)
	}
	if server.Kill(t.Context()) == nil || server.Restart(t.Context()) == nil {
		t.Error("a stopped server was killed or restarted")
	}
}

func TestStopWhenTheContextHasEnded(t *testing.T) {
	t.Parallel()
	server := start(t, devpg.Options{})
	pid := server.PID()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if running(t, pid) || !missing(server.Dir()) {
		t.Error("something is left")
	}
}

func TestOthersNeedThePassword(t *testing.T) {
	t.Parallel()
	server := start(t, devpg.Options{})
	line := server.PsqlCommand("postgres")
	if line == "" {
		t.Skip("psql is missing")
	}
	_, rest, _ := strings.Cut(line, " ")
	for _, password := range []string{"PGPASSWORD= ", "PGPASSWORD=guess "} {
		if output, err := psql(t, password+rest, "select 1"); err == nil {
			t.Errorf("%q let us in: %s", password, output)
		}
	}
	if got := query(t, server, "select count(*) from pg_hba_file_rules where auth_method <> 'scram-sha-256'"); got != "0" {
		t.Errorf("%s lines of pg_hba.conf let others in", got)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	server := start(t, devpg.Options{
		Durable:  true,
		Settings: map[string]string{"max_connections": "17", "shared_buffers": "16MB", "orderbell.odd": `it's a \back\`},
	})
	got := strings.Split(query(t, server, `select current_setting(unnest(
		'{fsync,synchronous_commit,full_page_writes,max_connections,orderbell.odd,timezone}'::text[]))`), "\n")
	want := []string{"on", "on", "on", "17", `it's a \back\`, "UTC"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestKillAndRestart(t *testing.T) {
	t.Parallel()
	server := start(t, devpg.Options{Durable: true})
	query(t, server, "create table kept as select 42 as n")
	url, killed := server.URL("postgres"), server.PID()
	if err := server.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if running(t, killed) || server.PID() != 0 {
		t.Fatalf("postgres %d runs after Kill", killed)
	}
	for range 2 { // the second time it runs
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := query(t, server, "select n from kept"); got != "42" {
			t.Errorf("the table has %q", got)
		}
	}
	if server.URL("postgres") != url {
		t.Errorf("the URL changed to %s", server.URL("postgres"))
	}
}

func TestGivenFolder(t *testing.T) {
	t.Parallel()
	base := shared(t)
	empty := filepath.Join(base, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, dir string
		removed   bool
	}{
		{name: "missing, with its parent", dir: filepath.Join(base, "new", "er"), removed: true},
		{name: "empty", dir: empty, removed: false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := start(t, devpg.Options{Dir: test.dir})
			if server.Dir() != test.dir {
				t.Errorf("it uses %s", server.Dir())
			}
			if err := server.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if missing(test.dir) != test.removed {
				t.Errorf("removed: %t, want %t", missing(test.dir), test.removed)
			}
		})
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	full, locked := shared(t), shared(t)
	if err := os.WriteFile(filepath.Join(full, "letter"), []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(locked, 0o700); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		opts devpg.Options
		want string
	}{
		"unknown setting": {
			opts: devpg.Options{Settings: map[string]string{"no_such_setting": "1"}},
			want: `unrecognized configuration parameter "no_such_setting"`,
		},
		"taken port": {
			opts: devpg.Options{Settings: small(), Port: taken(t)},
			want: "the port is taken",
		},
		"full folder": {opts: devpg.Options{Dir: full}, want: "it is not empty"},
	}
	if os.Geteuid() == 0 {
		tests["folder that the other user can't enter"] = struct {
			opts devpg.Options
			want string
		}{opts: devpg.Options{Dir: filepath.Join(locked, "pg")}, want: "can't enter " + locked}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := test.opts.Dir
			if dir == "" {
				dir = filepath.Join(shared(t), "pg")
				test.opts.Dir = dir
			}
			_, err := devpg.Start(t.Context(), test.opts)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if dir != full && !missing(dir) {
				t.Errorf("folder %s is left", dir)
			}
			if missing(filepath.Join(full, "letter")) {
				t.Error("the folder that wasn't ours was emptied")
			}
		})
	}
}

func TestStartIsCancelled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shared(t), "pg")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		_, err := devpg.Start(ctx, devpg.Options{Dir: dir})
		failed <- err
	}()
	untilInitdbRuns(t, dir)
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if !missing(dir) {
		t.Error("the folder is left")
	}
}

func TestPostgresHasItsOwnProcessGroup(t *testing.T) {
	t.Parallel()
	server := start(t, devpg.Options{})
	group, err := syscall.Getpgid(server.PID())
	if err != nil {
		t.Fatal(err)
	}
	if group != server.PID() {
		t.Errorf("postgres %d is in process group %d", server.PID(), group)
	}
}
