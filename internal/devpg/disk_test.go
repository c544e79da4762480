package devpg_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbell/orderbell/internal/devpg"
)

const smallDisk = 150 << 20

func TestTheDiskIsFullForTables(t *testing.T) {
	t.Parallel()
	server := start(t, devpg.Options{SmallDisk: smallDisk})
	execute(t, server, "create table item as select repeat('x', 1000) as text")
	if err := server.FillDisk(); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, server.URL("postgres"))
	_, err := conn.Exec(t.Context(), "insert into item select repeat('x', 1000) from generate_series(1, 100)")
	var full *pgconn.PgError
	if !errors.As(err, &full) || full.Code != "53100" {
		t.Errorf("the insert said %v", err)
	}
	if err := server.FreeDisk(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time after a restart
		if _, err := connect(t, server.URL("postgres")).Exec(t.Context(), "insert into item select repeat('x', 1000) from generate_series(1, 100)"); err != nil {
			t.Error(err)
		}
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := execute(t, server, "select count(*)::text from item"); got != "201" {
		t.Errorf("the table has %s rows", got)
	}
}

// Without another file of WAL postgres crashes. It is killed, then, since it may
// recover at this moment, and not follow an orderly shutdown for long.
func TestTheDiskIsFullForWAL(t *testing.T) {
	t.Parallel()
	server := start(t, devpg.Options{SmallDisk: smallDisk, Durable: true})
	execute(t, server, "create table item as select 1 as n")
	if err := server.FillDisk(); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, server.URL("postgres"))
	_, err := conn.Exec(t.Context(), "select pg_logical_emit_message(false, '', repeat('x', 1000000)) from generate_series(1, 100)")
	if err == nil {
		t.Error("100 MB of WAL found a place on a full disk")
	}
	if err := server.FreeDisk(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(server.Kill(t.Context()), server.Restart(t.Context())); err != nil {
		t.Fatal(err)
	}
	execute(t, server, "insert into item values (2)")
	if got := execute(t, server, "select count(*)::text from item"); got != "2" {
		t.Errorf("the table has %s rows", got)
	}
}

func TestTheDiskGoesWithItsServer(t *testing.T) {
	t.Parallel()
	server := start(t, devpg.Options{SmallDisk: smallDisk})
	dir := server.Dir()
	if !mentioned(t, dir) {
		t.Fatal("no process holds the disk")
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if mentioned(t, dir) || !missing(dir) {
		t.Error("something is left")
	}
	for name, order := range map[string]func() error{"fill": server.FillDisk, "free": server.FreeDisk} {
		if order() == nil {
			t.Errorf("a stopped server let us %s its disk", name)
		}
	}
}

func TestOnlyASmallDiskIsFilled(t *testing.T) {
	t.Parallel()
	server := start(t, devpg.Options{})
	if err := server.FillDisk(); err == nil || !strings.Contains(err.Error(), "no small one") {
		t.Errorf("got %v", err)
	}
}

func TestTheDiskIsTooSmall(t *testing.T) {
	t.Parallel()
	dir := shared(t) + "/pg"
	_, err := devpg.Start(t.Context(), devpg.Options{SmallDisk: 10 << 20, Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "No space left on device") {
		t.Errorf("got %v", err)
	}
	if !missing(dir) {
		t.Error("the folder is left")
	}
}
