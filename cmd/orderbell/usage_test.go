package main_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, says string }{
		{"", "name a command: demo, work, migrate, config, status, history, wake, adopt, endpoint, hook, scan, bench, version; orderbell --help"},
		{"migrate", "name a command: up, down, status, export; orderbell migrate --help"},
		{"wrk", `unknown command "wrk"; did you mean work or wake?`},
		{"wrk --config x", `unknown command "wrk"`},
		{"migrate sideways", `unknown command "migrate sideways"`},
		{"help nothing", `unknown command "nothing"`},
		{"completion", `unknown command "completion"`},
		{"--loud", "unknown flag: --loud"},
		{"work --loud", "unknown flag: --loud; usage: orderbell work [--config FILE] [--paused] [--private-database]"},
		{"adopt now", "1 argument instead of 0"},
		{"work now", "1 argument instead of 0"},
		{"version now", "1 argument instead of 0; usage: orderbell version"},
		{"history", "0 arguments instead of 1; usage: orderbell history [--config FILE] [--json] ORDER_NO"},
		{"history 1 2", "2 arguments instead of 1"},
		{"wake", "0 arguments instead of 1; usage: orderbell wake [--config FILE] bell|poll"},
		{"wake bell poll", "2 arguments instead of 1"},
		{"wake shout", `"shout" is neither bell nor poll; usage: orderbell wake [--config FILE] bell|poll`},
		{"wake POLL", `"POLL" is neither bell nor poll`},
		{"endpoint add m-1", "1 argument instead of 2"},
		{"endpoint add m-1 https://shop.example --max-in-flight -1", "--max-in-flight -1 is not between 0 and 10000"},
		{"endpoint add m-1 https://shop.example --max-in-flight 10001", "--max-in-flight 10001 is not between 0 and 10000"},
		{"endpoint add m-1 https://shop.example --max-in-flight few", `invalid argument "few"`},
		{"endpoint add m-1 https://shop.example --rate -0.1", "--rate -0.1 is not between 0 and 10000"},
		{"endpoint add m-1 https://shop.example --rate 1e5", "--rate 100000 is not between 0 and 10000"},
		{"endpoint add m-1 https://shop.example --rate NaN", "--rate NaN is not between 0 and 10000"},
		{"endpoint pause", "0 arguments instead of 1; usage: orderbell endpoint pause [--config FILE] [--reason R] ID"},
		{"endpoint resume", "0 arguments instead of 1; usage: orderbell endpoint resume [--config FILE] ID"},
		{"endpoint add m-1 https://shop.example --batch-size 1", "--batch-size 1 is neither 0 nor between 2 and 100"},
		{"endpoint add m-1 https://shop.example --batch-size 101", "--batch-size 101 is neither 0 nor between 2 and 100"},
		{"endpoint add m-1 https://shop.example --batch-size -1", "--batch-size -1 is neither 0 nor between 2 and 100"},
		{"endpoint add m-1 https://shop.example --batch-wait 31s", "--batch-wait 31s is not between 0 and 30s"},
		{"endpoint add m-1 https://shop.example --batch-wait -1s", "--batch-wait -1s is not between 0 and 30s"},
		{"endpoint add m-1 https://shop.example --batch-wait 5", `invalid argument "5"`},
		{"endpoint add m-1 https://shop.example --on-head-exhausted wait", `--on-head-exhausted "wait" is neither skip nor block`},
		{"endpoint add m-1 https://shop.example --on-head-exhausted=", `--on-head-exhausted "" is neither skip nor block`},
		{"endpoint unblock", "0 arguments instead of 1 or 2; usage: orderbell endpoint unblock [--config FILE] ID [SEQUENCE_KEY]"},
		{"endpoint unblock m-1 k x", "3 arguments instead of 1 or 2"},
		{"hook", "name a command: add, list, remove; orderbell hook --help"},
		{"hook add h", "1 argument instead of 2; usage: orderbell hook add [--config FILE] NAME SCHEMA.FUNCTION"},
		{"hook list h", "1 argument instead of 0; usage: orderbell hook list [--config FILE] [--json]"},
		{"hook remove", "0 arguments instead of 1; usage: orderbell hook remove [--config FILE] NAME"},
		{"scan run", "0 arguments instead of 1; usage: orderbell scan run [--config FILE] [--dry-run] [--json] NAME"},
		{"scan list nightly", "1 argument instead of 0; usage: orderbell scan list [--config FILE] [--json]"},
		{"migrate export", "0 arguments instead of 1; usage: orderbell migrate export DIR"},
		{"status --json=perhaps", `invalid argument "perhaps"`},
		{"work --config", "flag needs an argument: --config"},
		{"demo --for soon", `invalid argument "soon"`},
		{"demo --for 0s", "the time must be above 0"},
		{"demo --scene opera", `unknown scene "opera"`},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			got := run(t, nil, strings.Fields(test.args)...)
			got.wants(t, 2, "", test.says)
			got.oneLine(t)
		})
	}
}

// Every command that needs a database says which variable is missing.
func TestWithoutADatabaseURL(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"work", "migrate up", "migrate down", "migrate status", "status", "status --json",
		"history 1", "wake poll", "endpoint add m-1 https://shop.example", "endpoint list", "endpoint pause m-1", "endpoint resume m-1", "endpoint unblock m-1", "hook add h s.f", "hook list", "hook remove h", "scan list", "scan run nightly", "demo --scene shop",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			got := run(t, nil, strings.Fields(args)...)
			got.wants(t, 2, "", "ORDERBELL_DATABASE_URL")
			got.oneLine(t)
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]string{
		"--help":         "Available Commands:",
		"help":           "Available Commands:",
		"help work":      "--private-database",
		"migrate --help": "export",
		"demo -h":        "--scene NAME",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			run(t, nil, strings.Fields(args)...).wants(t, 0, says, "")
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	command := run(t, nil, "version")
	command.wants(t, 0, "orderbell ", "")
	if flag := run(t, nil, "--version"); flag != command {
		t.Errorf("--version says %q, and version %q", flag.stdout, command.stdout)
	}
}

// A real build, with a version set as releases set it.
func TestTheBinary(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "orderbell")
	build := exec.CommandContext(withTimeout(t), "go", "build", "-ldflags", "-X main.version=v9.8.7", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	finish(t, exec.Command(binary, "version"), nil).wants(t, 0, "orderbell v9.8.7 (schema ", "")
	finish(t, exec.Command(binary, "wrk"), nil).wants(t, 2, "", "did you mean work or wake?")
}

// What cannot be written has failed.
func TestFullOutput(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sh", "-c", `"$0" version >/dev/full`, testBinary())
	got := finish(t, cmd, nil)
	got.wants(t, 1, "", "print the result")
	got.oneLine(t)
}
