package readme_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// program is the built orderbell, first in the PATH of what it runs.
type program struct{ folder string }

func (p *program) path() string { return filepath.Join(p.folder, "orderbell") }

func (p *program) environ(url string) []string {
	return []string{"PATH=" + p.folder + ":" + os.Getenv("PATH"), "ORDERBELL_DATABASE_URL=" + url}
}

func TestProgram(t *testing.T) {
	t.Parallel()
	p := &program{folder: t.TempDir()}
	execute(t, root, nil, "go", "build", "-o", p.path(), "./cmd/orderbell")
	for name, test := range map[string]func(*testing.T, *program){
		"the walk":                walk,
		"migrations under goose":  walkWithGoose,
		"commands of the page":    commandsOfThePage,
		"commands of composition": commandsOfTheComposition,
		"questions of the page":   questionsOfThePage,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// walk does what the page tells a newcomer to do, in its order.
func walk(t *testing.T, p *program) {
	t.Helper()
	need(t, "psql")
	url, m := pgtest.Empty(t), newMerchant(t, "success")
	addresses := strings.NewReplacer("postgres://shop:secret@localhost:5432/shop", url, "https://shop.example/notify", m.url)
	shell := func(script string) string {
		return execute(t, t.TempDir(), p.environ(url), "sh", "-euc", addresses.Replace(script))
	}
	shell(shown(t, "Make the schema", "sh", 2)[0])
	shell(shown(t, writing, "sh", 1)[0])
	run(t, connect(t, url), shown(t, writing, "sql", 1)[0])

	stop := p.start(t, url, strings.TrimSpace(shown(t, "Run the worker", "sh", 2)[1]))
	pgtest.Eventually(t, 20*time.Second, "both notifications at the merchant", func() error {
		if n := len(m.requests()); n != 2 {
			return fmt.Errorf("%d requests came", n)
		}
		return nil
	})
	stop()
	got := m.requests()
	slices.SortFunc(got, func(a, b seen) int { return len(b.body) - len(a.body) })
	if want := `{"trade_status":"TRADE_SUCCESS","total_fee":424.42}`; got[0].body != want || got[0].contentType != "application/json" {
		t.Errorf("the merchant got %+v, want the body %s as JSON", got[0], want)
	}
	shell(shown(t, "When a receiver is ill", "sh", 1)[0])
	history := shell(shown(t, "Ask what happened", "sh", 1)[0])
	if !strings.Contains(history, "acknowledged") || !strings.Contains(history, "trade.success") {
		t.Errorf("the history says:\n%s", history)
	}
	run(t, connect(t, url), shown(t, "Ask what happened", "sql", 1)[0])
}

// start runs a line such as "NAME=value orderbell work" in the background. The
// returned function stops it with SIGTERM, and wants it to end well.
func (p *program) start(t *testing.T, url, line string) (stop func()) {
	t.Helper()
	var environ []string
	words := strings.Fields(line)
	for strings.Contains(words[0], "=") {
		environ, words = append(environ, words[0]), words[1:]
	}
	cmd := exec.CommandContext(t.Context(), p.path(), words[1:]...)
	cmd.Env = append(append(os.Environ(), p.environ(url)...), environ...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", line, err, out.String())
		}
	}
}

func walkWithGoose(t *testing.T, p *program) {
	t.Helper()
	need(t, "goose")
	url := pgtest.Empty(t)
	folder := t.TempDir()
	execute(t, folder, p.environ(url), "sh", "-euc", shown(t, "Make the schema", "sh", 2)[1])
	var version, versions int
	get(t, connect(t, url), []any{&version, &versions},
		"select orderbell.schema_version(), (select count(*) from orderbell_version where version_id > 0)")
	if version == 0 || version != versions {
		t.Errorf("the schema has version %d after %d migrations", version, versions)
	}
	cmd := exec.CommandContext(t.Context(), p.path(), "migrate", "up")
	cmd.Env = append(os.Environ(), p.environ(url)...)
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("migrate up takes over what goose has made:\n%s", out)
	}
}

var (
	// invocation is a line, or a span, that runs the program.
	invocation = regexp.MustCompile(`^(?:[A-Z_]+=\S+ )*(?:orderbell|go run \./cmd/orderbell) (.+)$`)
	// placeholderArgument is what the page writes for a value of yours.
	placeholderArgument = regexp.MustCompile(`^[A-Z_]{2,}$`)
)

// commandsOfThePage asks each command that the page mentions for its help, with
// the flags that it shows: an unknown one is refused.
func commandsOfThePage(t *testing.T, p *program) {
	t.Helper()
	lines := spans(prose(t, ""))
	for _, b := range blocks(t) {
		if b.language == "sh" {
			lines = append(lines, strings.Split(b.text, "\n")...)
		}
	}
	asked := 0
	for _, line := range lines {
		if match := invocation.FindStringSubmatch(line); match != nil {
			asked++
			p.knows(t, strings.Fields(match[1]))
		}
	}
	if asked < 10 {
		t.Errorf("found %d commands on the page, want at least 10", asked)
	}
	for _, wrong := range [][]string{{"work", "--no-such"}, {"no-such"}, {"endpoint", "no-such"}} {
		if err := p.help(t, wrong); err == nil {
			t.Errorf("orderbell %s passes", strings.Join(wrong, " "))
		}
	}
}

func (p *program) knows(t *testing.T, args []string) {
	t.Helper()
	if err := p.help(t, args); err != nil {
		t.Errorf("orderbell %s: %v", strings.Join(args, " "), err)
	}
}

// help fails where the program does not know the command or one of its flags.
func (p *program) help(t *testing.T, args []string) error {
	t.Helper()
	asking := []string{}
	for _, arg := range args {
		if placeholderArgument.MatchString(arg) {
			arg = "x"
		}
		asking = append(asking, arg)
	}
	out, err := exec.CommandContext(t.Context(), p.path(), append(asking, "--help")...).CombinedOutput()
	switch {
	case err != nil:
		return fmt.Errorf("%w\n%s", err, out)
	case strings.Contains(string(out), "Available Commands:"):
		return fmt.Errorf("it has no such command; its help is\n%s", out)
	}
	return nil
}
