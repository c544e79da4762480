package main_test

import (
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// schemaCommands need the schema, and check it first.
func schemaCommands() []string {
	return []string{"work", "status", "status --json", "history 1", "wake poll", "adopt", "endpoint list", "endpoint add m-1 https://shop.example", "endpoint pause m-1", "endpoint resume m-1", "endpoint unblock m-1", "endpoint token m-1 --list", "hook list", "scan list", "demo --scene shop"}
}

func TestSchemaThatDoesNotFit(t *testing.T) {
	t.Parallel()
	version := func(n string) func(*shop) {
		return func(s *shop) {
			s.exec("create or replace function orderbell.schema_version() returns integer language sql immutable parallel safe return " + n)
		}
	}
	for _, test := range []struct {
		name, says string
		make       func(*shop)
	}{
		{"missing", "make it with: orderbell migrate up", func(s *shop) { s.exec("drop schema orderbell cascade") }},
		{"older", "bring it up with: orderbell migrate up", version("1")},
		{"newer", "install the newer orderbell", func(s *shop) {
			version("999")(s)
			s.exec("create or replace function orderbell.oldest_program() returns integer language sql immutable parallel safe return 999")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			test.make(s)
			for _, args := range schemaCommands() {
				got := run(t, s.env(), strings.Fields(args)...)
				got.wants(t, 1, "", test.says)
				// The worker's log comes on standard error too.
				if args != "work" {
					got.oneLine(t)
				}
			}
		})
	}
}

func TestDatabaseThatIsNotThere(t *testing.T) {
	t.Parallel()
	there, err := url.Parse(pgtest.Server(t).URL("nosuchdatabase"))
	if err != nil {
		t.Fatal(err)
	}
	down := *there
	down.Host = closedPort(t)
	for _, test := range []struct {
		name, url, says string
	}{
		{"missing", there.String(), `database "nosuchdatabase" does not exist`},
		{"down", down.String(), "connection refused"},
	} {
		for _, args := range append(schemaCommands()[1:], "migrate up", "migrate down", "migrate status") {
			t.Run(test.name+" "+args, func(t *testing.T) {
				t.Parallel()
				got := run(t, []string{"ORDERBELL_DATABASE_URL=" + test.url}, strings.Fields(args)...)
				got.wants(t, 1, "", test.says)
				got.oneLine(t)
			})
		}
	}
}

// closedPort is an address where nobody listens.
func closedPort(t testing.TB) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
