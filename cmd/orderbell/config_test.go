package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func testBinary() string { return os.Args[0] }

func configFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "orderbell.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigCheck(t *testing.T) {
	t.Parallel()
	const url = "ORDERBELL_DATABASE_URL=postgres://localhost/shop"
	for _, test := range []struct {
		name, file, env string
		status          int
		stdout, stderr  string
	}{
		{name: "fine", file: "worker: {concurrency: 8}", env: url, stdout: "configuration is fine\n"},
		{name: "no database", file: "worker: {concurrency: 8}", stdout: "configuration is fine\n", stderr: "warning: database.url: is not set; set ORDERBELL_DATABASE_URL"},
		{name: "unknown key", file: "worker: {speed: 8}", env: url, status: 2, stderr: ":1:10: worker.speed"},
		{name: "empty file", file: "", env: url, status: 2, stderr: "is empty"},
		{name: "a URL that is none", file: "log: {level: info}", env: url + "?sslmode=perhaps", status: 2, stderr: "orderbell: database.url: read the database URL: "},
		{name: "a bad listen URL", file: "database: {listen_url: 'host=/tmp port=none'}", env: url, status: 2, stderr: "orderbell: database.listen_url: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := run(t, []string{test.env}, "config", "check", "--config", configFile(t, test.file))
			got.wants(t, test.status, test.stdout, test.stderr)
		})
	}
}

// Every problem at once, and where editors look for it; no password.
func TestConfigCheckSaysAllAtOnce(t *testing.T) {
	t.Parallel()
	file := configFile(t, "worker:\n  concurrency: many\nlog:\n  level: loud\n")
	got := run(t, []string{"ORDERBELL_DATABASE_URL=postgres://u:secretword@host:port/x", "ORDERBELL_LOG_FROMAT=text"},
		"config", "check", "--config", file)
	got.wants(t, 2, "", "orderbell: warning: ORDERBELL_LOG_FROMAT")
	for _, want := range []string{file + ":2:3: worker.concurrency", file + ":4:3: log.level", "orderbell: ORDERBELL_DATABASE_URL"} {
		if !strings.HasPrefix(got.stderr, want) && !strings.Contains(got.stderr, "\n"+want) {
			t.Errorf("no line begins with %s:\n%s", want, got.stderr)
		}
	}
	if strings.Contains(got.stderr, "secretword") {
		t.Errorf("the password is shown: %s", got.stderr)
	}
}

// What only pgx can judge is told beside what else is wrong.
func TestConfigCheckJudgesURLsToo(t *testing.T) {
	t.Parallel()
	const url = "postgres://u:secretword@localhost/x?sslmode=perhaps"
	for _, test := range []struct {
		name, database string // in the file
		env            []string
		says           string
	}{
		{"url", "", []string{"ORDERBELL_DATABASE_URL=" + url}, "orderbell: database.url: read the database URL: "},
		{
			"listen_url",
			"",
			[]string{"ORDERBELL_DATABASE_URL=postgres://localhost/x", "ORDERBELL_DATABASE_LISTEN_URL=" + url},
			"orderbell: database.listen_url: read the database URL: ",
		},
		{"url in the file", "\ndatabase: {url: '" + url + "'}", nil, "orderbell: database.url: read the database URL: "},
		{
			"listen_url in the file", "\ndatabase:\n  url: postgres://localhost/x\n  listen_url: " + url, nil,
			"orderbell: database.listen_url: read the database URL: ",
		},
		{
			"refused for its shape alone", "\ndatabase: {url: 'mysql://u:secretword@localhost/x'}", nil,
			"FILE:2:12: database.url: ",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file := configFile(t, "worker: {concurrency: many}"+test.database)
			got := run(t, test.env, "config", "check", "--config", file)
			got.wants(t, 2, "", file+":1:10: worker.concurrency: ")
			got.wants(t, 2, "", "\n"+strings.Replace(test.says, "FILE", file, 1))
			if strings.Count(got.stderr, "\n") != 2 || strings.Contains(got.stderr, "secretword") {
				t.Errorf("standard error is %q, want two lines and no password", got.stderr)
			}
		})
	}
}

// A URL that only pgx can judge is a problem of the configuration for all.
func TestUnreadableDatabaseURL(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"work", "migrate up", "status", "demo --scene shop"} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			got := run(t, []string{"ORDERBELL_DATABASE_URL=postgres://u:secretword@localhost/x?sslmode=perhaps"}, strings.Fields(args)...)
			got.wants(t, 2, "", "database.url: read the database URL: ")
			got.oneLine(t)
			if strings.Contains(got.stderr, "secretword") {
				t.Errorf("the password is shown: %s", got.stderr)
			}
		})
	}
}

func TestWarningsOfEveryCommand(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, args := range []string{"status", "migrate status", "endpoint list"} {
		got := run(t, s.env("ORDERBELL_WRKER_NAME=x"), strings.Fields(args)...)
		got.wants(t, 0, " ", "orderbell: warning: ORDERBELL_WRKER_NAME: is not known and sets nothing")
		got.oneLine(t)
	}
}
