package main_test

import (
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// Who lacks a right is told which role has it, and with that role it works.
func TestRights(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, role string }{
		{"status", "orderbell_reader"},
		{"history o-1", "orderbell_reader"},
		{"wake poll", "orderbell_operator"},
		{"endpoint list", "orderbell_operator"},
		{"endpoint add m-1 https://shop.example", "orderbell_operator"},
		{"endpoint add m-1 https://shop.example --policy quick", "orderbell_operator"},
		{"endpoint add m-1 https://shop.example --max-in-flight 5 --rate 2", "orderbell_operator"},
		{"endpoint pause m-1 --reason asked", "orderbell_operator"},
		{"endpoint resume m-1", "orderbell_operator"},
		{"endpoint add m-1 https://shop.example --batch-size 5 --batch-wait 1s --on-head-exhausted block", "orderbell_operator"},
		{"endpoint unblock m-1", "orderbell_operator"},
		{"hook add new orderbell.pause", "orderbell_operator"},
		{"hook list", "orderbell_operator"},
		{"hook remove there", "orderbell_operator"},
		{"scan list", "orderbell_reader"},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.endpoint("m-1", "https://shop.example/notify")
			s.enqueue("m-1", "o-1")
			s.exec("insert into orderbell.hook values ('there', 'orderbell.pause(text,text)')")
			user := newUser(t)
			env := s.env("ORDERBELL_DATABASE_URL=" + user.url(t, s.url))
			user.isRefused(t, run(t, env, strings.Fields(test.args)...), test.role)
			// Whoever may ask for the schema's version comes to the statement itself.
			s.exec("grant usage on schema orderbell to " + user.name)
			s.exec("grant execute on function orderbell.schema_version to " + user.name)
			user.isRefused(t, run(t, env, strings.Fields(test.args)...), test.role)
			s.exec("grant " + test.role + " to " + user.name)
			run(t, env, strings.Fields(test.args)...).wants(t, 0, " ", "")
		})
	}
}

func TestRightToWork(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	user := newUser(t)
	env := s.env("ORDERBELL_DATABASE_URL=" + user.url(t, s.url))
	got := run(t, env, "work")
	got.wants(t, 1, "", "permission denied for schema orderbell; the role orderbell_worker has the right: grant it to this user\n")
	s.exec("grant orderbell_worker to " + user.name)
	worker := start(t, env, "work")
	worker.says(starts)
	worker.signal(syscall.SIGTERM)
	if status := worker.wait(); status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestRightToMigrate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, url, args, owner string }{
		{"fresh", pgtest.Empty(t), "migrate up", "or, where there is none yet, who may make one"},
		{"another's", pgtest.Database(t), "migrate up", "the owner of the schema orderbell has the right"},
		{"another's, down", pgtest.Database(t), "migrate down", "the owner of the schema orderbell has the right"},
		{"another's, status", pgtest.Database(t), "migrate status", "the owner of the schema orderbell has the right"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			user := newUser(t)
			got := run(t, []string{"ORDERBELL_DATABASE_URL=" + user.url(t, test.url)}, strings.Fields(test.args)...)
			user.isRefused(t, got, test.owner)
		})
	}
}

// user may connect, and has no right beyond that.
type user struct{ name string }

func newUser(t testing.TB) user {
	t.Helper()
	admin := connect(t, pgtest.Server(t).URL("postgres"))
	var name string
	if err := admin.QueryRow(t.Context(), "select 'user_' || translate(gen_random_uuid()::text, '-', '')").Scan(&name); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Exec(t.Context(), "create role "+name+" login password 'open'"); err != nil {
		t.Fatal(err)
	}
	return user{name}
}

func (u user) url(t testing.TB, database string) string {
	t.Helper()
	address, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword(u.name, "open")
	return address.String()
}

func (u user) isRefused(t testing.TB, got result, says string) {
	t.Helper()
	got.wants(t, 1, "", "permission denied")
	got.oneLine(t)
	if !strings.Contains(got.stderr, says) {
		t.Errorf("standard error is %q, want %q in it", got.stderr, says)
	}
}
