package devpg

import (
	"strings"
	"testing"
)

func TestTail(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("early\n", 50) + strings.Repeat("late\n", tailLines)
	for _, test := range []struct{ name, output, want string }{
		{name: "nothing", output: " \n", want: "    (nothing)"},
		{name: "two lines", output: "a\nb\n", want: "    a\n    b"},
		{name: "many", output: long, want: strings.TrimSuffix(strings.Repeat("    late\n", tailLines), "\n")},
	} {
		if got := string(tail([]byte(test.output))); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, test.want)
		}
	}
}

func TestShellWord(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"postgres":        "postgres",
		"/usr/bin/psql":   "/usr/bin/psql",
		"":                "''",
		"-c":              "'-c'",
		"my shop; rm -rf": "'my shop; rm -rf'",
		"it's":            `'it'\''s'`,
	} {
		if got := shellWord(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}

func TestEnvironmentIsCleared(t *testing.T) {
	t.Setenv("PGOPTIONS", "-c fsync=off")
	t.Setenv("LC_MESSAGES", "de_DE.UTF-8")
	for _, entry := range environment() {
		if strings.HasPrefix(entry, "PGOPTIONS") || strings.HasPrefix(entry, "LC_MESSAGES") {
			t.Errorf("postgres would see %s", entry)
		}
	}
}
