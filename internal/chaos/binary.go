package chaos

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const (
	program = "github.com/orderbell/orderbell/cmd/orderbell"
	// buildLimit bounds a build, with an empty cache and a busy machine.
	buildLimit = 10 * time.Minute
)

// Binary is the program as it is shipped, built once for all tests of a run, with
// the race detector where they have it.
func Binary(t testing.TB) string {
	t.Helper()
	run.mu.Lock()
	defer run.mu.Unlock()
	w, err := watching()
	if err == nil && run.binary == "" {
		run.binary, err = build(filepath.Join(w.folder, "orderbell"))
		run.failed = err
	}
	if err != nil {
		t.Fatal(err)
	}
	return run.binary
}

// Build builds the program for one test, with further arguments for go build, such
// as "-overlay", FILE.
func Build(t testing.TB, args ...string) string {
	t.Helper()
	file, err := build(filepath.Join(t.TempDir(), "orderbell"), args...)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func build(file string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), buildLimit)
	defer cancel()
	args = append([]string{"build", "-buildvcs=false", "-o", file}, args...)
	if Raced {
		args = append(args, "-race")
	}
	out, err := exec.CommandContext(ctx, "go", append(args, program)...).CombinedOutput() //nolint:gosec // the project's own program
	if err != nil {
		return "", fmt.Errorf("build orderbell: %w\n%s", err, out)
	}
	return file, nil
}
