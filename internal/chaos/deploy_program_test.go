package chaos_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/chaos"
)

// root is the repository's, from this package.
const root = "../.."

// formerProgram builds the oldest program that the schema says still works with it,
// from the history: that of the commit before the first migration that is newer.
// Nothing has to be changed here when the schema changes.
func formerProgram(t *testing.T) string {
	t.Helper()
	oldest := chaos.New(t, chaos.Options{}).Text("select orderbell.oldest_program()")
	version, err := strconv.Atoi(oldest)
	if err != nil {
		t.Fatal(err)
	}
	commit := commitBefore(t, version+1)
	folder := t.TempDir()
	git(t, "archive", "--format=tar", "--output="+filepath.Join(folder, "source.tar"), commit)
	succeeds(t, exec.CommandContext(t.Context(), "tar", "-xf", filepath.Join(folder, "source.tar"), "-C", folder))
	args := []string{"build", "-buildvcs=false", "-o", filepath.Join(folder, "former-orderbell")}
	if chaos.Raced {
		args = append(args, "-race") // what it imports has then been compiled already
	}
	build := exec.CommandContext(t.Context(), "go", append(args, "./cmd/orderbell")...)
	build.Dir = folder
	succeeds(t, build)
	t.Logf("the former program is that of commit %s", commit)
	return filepath.Join(folder, "former-orderbell")
}

// commitBefore is the one before the migration of that version was added; HEAD if it
// is not committed yet.
func commitBefore(t *testing.T, version int) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "migrations", fmt.Sprintf("%05d_*.sql", version)))
	if err != nil || len(found) != 1 {
		t.Fatalf("no migration makes schema version %d, although an older program is said to work with the schema: %v", version, err)
	}
	added := git(t, "log", "--diff-filter=A", "--format=%H", "--", "migrations/"+filepath.Base(found[0]))
	if added == "" {
		return "HEAD"
	}
	first := added[strings.LastIndexByte(added, '\n')+1:]
	return git(t, "rev-parse", "--verify", first+"^")
}

// git runs a git command in the repository and returns what it says.
func git(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", root}, args...)...)
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "GIT_") { // of a hook that runs the tests
			cmd.Env = append(cmd.Env, entry)
		}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s\nThis test builds the former release from the repository's history, and needs all of it. "+
			"In a shallow clone run: git fetch --unshallow. A copy without .git has none: use git clone.",
			strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// migrateUp brings a database's schema to the newest version that a program knows.
func migrateUp(t *testing.T, program, url string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "migrate", "up")
	cmd.Env = append(os.Environ(), "ORDERBELL_DATABASE_URL="+url)
	succeeds(t, cmd)
}

func succeeds(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}
