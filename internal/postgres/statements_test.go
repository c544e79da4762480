package postgres_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/sql"
)

// Each statement says in its head what a person at the database wants to know.
func TestStatementsHaveAHead(t *testing.T) {
	t.Parallel()
	for name, text := range statements(t) {
		head, body := split(text)
		if first, _, _ := strings.Cut(text, "\n"); first != "/* orderbell:"+name+" */" {
			t.Errorf("%s.sql begins with %q", name, first)
		}
		for what, pattern := range map[string]string{
			"who calls it":           `Called\b`,
			"which index serves it":  `\bIndex: `,
			"what it locks":          `\bLocks: `,
			"a sentence and its end": `^/\*.*\n-- [A-Z][^\n]*`,
		} {
			if !regexp.MustCompile(pattern).MatchString(head) {
				t.Errorf("%s.sql does not say in its head: %s", name, what)
			}
		}
		if strings.Contains(body, ";") {
			t.Errorf("%s.sql has more than one statement", name)
		}
	}
}

// Queries for people begin with what they answer, and run as they are.
func TestQueriesForPeople(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Database(t))
	names, err := fs.Glob(sql.FS, "history/*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("there are %d, %v", len(names), err)
	}
	if _, err := conn.Exec(t.Context(), "set role orderbell_reader"); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(sql.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "-- ") {
			t.Errorf("%s does not say what it answers", name)
		}
		if _, err := conn.Exec(t.Context(), string(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// PREPARE finds a name that is wrong and a type that does not fit.
func TestStatementsPrepare(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Database(t))
	for name, text := range statements(t) {
		prepared, err := conn.Prepare(t.Context(), name, positional(t, text))
		if err != nil {
			t.Errorf("%s.sql: %v", name, err)
			continue
		}
		if len(prepared.ParamOIDs) != len(parameters(t, text)) {
			t.Errorf("%s.sql has %d parameters, PostgreSQL sees %d", name, len(parameters(t, text)), len(prepared.ParamOIDs))
		}
	}
}

// No file is forgotten, and no parameter is left out.
func TestStatementsAreUsed(t *testing.T) {
	t.Parallel()
	code := source(t)
	for name, text := range statements(t) {
		found := regexp.MustCompile(`(\w+)\s*= statement\("` + name + `"\)`).FindStringSubmatch(code)
		if found == nil {
			t.Errorf("%s.sql is read by nobody", name)
			continue
		}
		if n := len(regexp.MustCompile(`\b`+found[1]+`\b`).FindAllString(code, -1)); n < 2 {
			t.Errorf("%s.sql is read, and never sent", name)
		}
		for _, parameter := range parameters(t, text) {
			if !strings.Contains(code, `"`+parameter+`":`) {
				t.Errorf("%s.sql: nobody gives @%s", name, parameter)
			}
		}
	}
}

// statements are the files of sql/, by name.
func statements(t testing.TB) map[string]string {
	t.Helper()
	names, err := fs.Glob(sql.FS, "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("sql/ has %d files, %v", len(names), err)
	}
	texts := make(map[string]string, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(sql.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimSuffix(name, ".sql")] = string(text)
	}
	return texts
}

// split parts a statement from the comments before it.
func split(text string) (head, body string) {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "--") && !strings.HasPrefix(line, "/*") {
			return strings.Join(lines[:i], ""), strings.Join(lines[i:], "")
		}
	}
	return text, ""
}

var named = regexp.MustCompile(`@([a-z_]+)`)

// parameters are the names that a statement takes, each once.
func parameters(t testing.TB, text string) (names []string) {
	t.Helper()
	_, body := split(text)
	seen := map[string]bool{}
	for _, match := range named.FindAllStringSubmatch(body, -1) {
		if !seen[match[1]] {
			seen[match[1]] = true
			names = append(names, match[1])
		}
	}
	return names
}

// positional is the statement as pgx sends it, with $1 for a named parameter.
func positional(t testing.TB, text string) string {
	t.Helper()
	args := pgx.StrictNamedArgs{}
	for _, name := range parameters(t, text) {
		args[name] = nil
	}
	rewritten, _, err := args.RewriteQuery(t.Context(), nil, text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rewritten
}

// source is the package's own code, without its tests.
func source(t testing.TB) string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(text)
	}
	return code.String()
}

func connect(t testing.TB, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
