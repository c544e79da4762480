package readme_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/pgtest"
)

const writing = "Write a notification"

// shopOf is a database with one order that is not yet paid.
func shopOf(t testing.TB) string {
	t.Helper()
	url := pgtest.Database(t)
	db := connect(t, url)
	run(t, db, orders)
	run(t, db, `insert into orders values ('2026112000017', 'new', 424.42);
		insert into orderbell.endpoint (id, url) values ('m-1001', 'https://shop.example/notify')`)
	return url
}

// order are the arguments that every example is called with.
var order = []string{"2026112000017", "m-1001", `{"trade_status":"TRADE_SUCCESS"}`}

// wantPaid holds what every example must have done.
func wantPaid(t testing.TB, url string) {
	t.Helper()
	db := connect(t, url)
	var status, endpoint, event, body, state string
	get(t, db, []any{&status}, "select status from orders")
	get(t, db, []any{&endpoint, &event, &body, &state}, `
		select n.endpoint, n.event, n.body, s.state
		from orderbell.notification n join orderbell.notification_status s using (id) where n.order_no = $1`, order[0])
	if status != "paid" || endpoint != order[1] || event != "trade.success" || body != order[2] || state != "pending" {
		t.Errorf("the order is %s; the notification is %s for %s, %s, %s", status, event, endpoint, body, state)
	}
}

// execute runs a program in a folder and returns what it printed.
func execute(t testing.TB, folder string, environ []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), environ...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// need skips where a program is missing.
func need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not on this machine", program)
	}
}

// has reports whether a command succeeds: a driver is there.
func has(name string, args ...string) bool { return exec.Command(name, args...).Run() == nil }

func write(t testing.TB, folder, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func testdata(t testing.TB, name string) string {
	t.Helper()
	return read(t, "internal/readme/testdata/"+name)
}

var (
	quoted      = regexp.MustCompile(`"((?:update|select|insert) [^"]*)"`)
	placeholder = regexp.MustCompile(`\?|%s`)
)

// The SQL of every example runs on a real database, whatever its language.
func TestStatementsOfTheExamples(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"go", "java", "php", "python", "js"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			statements := quoted.FindAllStringSubmatch(shown(t, writing, language, 1)[0], -1)
			if len(statements) != 2 {
				t.Fatalf("found %d statements, want the order's and the notification's", len(statements))
			}
			url := shopOf(t)
			db := connect(t, url)
			for i, args := range [][]any{{order[0]}, {order[1], order[0], order[2]}} {
				n := 0
				statement := placeholder.ReplaceAllStringFunc(statements[i][1], func(string) string { n++; return fmt.Sprintf("$%d", n) })
				if _, err := db.Exec(t.Context(), statement, args...); err != nil {
					t.Errorf("%s: %v", statement, err)
				}
			}
			wantPaid(t, url)
		})
	}
}

// The example is laid into the module as a package that is not on the disk.
func TestGoExample(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, folder, "shop.go", shown(t, writing, "go", 1)[0])
	write(t, folder, "main.go", testdata(t, "run.go.txt"))
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(here, "shown", "shop.go"):        filepath.Join(folder, "shop.go"),
		filepath.Join(here, "shown", "run", "main.go"): filepath.Join(folder, "main.go"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, folder, "overlay.json", string(overlay))
	url := shopOf(t)
	args := append([]string{"run", "-overlay", filepath.Join(folder, "overlay.json"), "./shown/run", url}, order...)
	id := strings.TrimSpace(execute(t, here, nil, "go", args...))
	wantPaid(t, url)
	var written string
	get(t, connect(t, url), []any{&written}, "select id::text from orderbell.notification")
	if id != written {
		t.Errorf("the example returned %q, the notification is %s", id, written)
	}
}

func TestJavaExample(t *testing.T) {
	t.Parallel()
	need(t, "javac")
	folder := t.TempDir()
	write(t, folder, "Shop.java", shown(t, writing, "java", 1)[0])
	execute(t, folder, nil, "javac", "-Xlint:all", "-Werror", "Shop.java")
}

func TestPHPExample(t *testing.T) {
	t.Parallel()
	need(t, "php")
	folder := t.TempDir()
	write(t, folder, "shop.php", shown(t, writing, "php", 1)[0])
	execute(t, folder, nil, "php", "-l", "shop.php")
}

func TestPythonExample(t *testing.T) {
	t.Parallel()
	need(t, "python3")
	folder := t.TempDir()
	write(t, folder, "shop.py", shown(t, writing, "python", 1)[0])
	write(t, folder, "run.py", testdata(t, "run.py"))
	execute(t, folder, nil, "python3", "-m", "py_compile", "shop.py", "run.py")
	if !has("python3", "-c", "import psycopg") {
		t.Log("checked, not run: Python has no psycopg here")
		return
	}
	url := shopOf(t)
	execute(t, folder, nil, "python3", append([]string{"run.py", url}, order...)...)
	wantPaid(t, url)
}

func TestNodeExample(t *testing.T) {
	t.Parallel()
	need(t, "node")
	folder := t.TempDir()
	write(t, folder, "shop.mjs", shown(t, writing, "js", 1)[0])
	write(t, folder, "run.mjs", testdata(t, "run.mjs"))
	execute(t, folder, nil, "node", "--check", "shop.mjs")
	execute(t, folder, nil, "node", "--check", "run.mjs")
	if !has("node", "-e", `require("pg")`) {
		t.Log("checked, not run: Node has no pg here")
		return
	}
	url := shopOf(t)
	// The driver is found from here, not from the example's folder.
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	execute(t, here, nil, "node", append([]string{filepath.Join(folder, "run.mjs"), url}, order...)...)
	wantPaid(t, url)
}
