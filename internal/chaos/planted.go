package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// top is the project's top folder, seen from where its tests run.
const top = "../.."

// Bug is a mistake that a test plants in a copy of the program, to see that the
// checker objects. The sources that are shipped know nothing of it.
type Bug struct {
	// File is a Go file of the program, or one of sql/, from the top of the project.
	File string
	// Old is what stands there, exactly once, and New what stands there instead.
	Old, New string
}

// Plant builds the program with the bug in it. It does so without the race
// detector, for whose findings nobody asks, in a third of the time. The test fails
// where the bug's place has moved, and where the result is no program.
func Plant(t testing.TB, b Bug) (file string) {
	t.Helper()
	overlay, err := b.overlay(top, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "orderbell")
	ctx, cancel := context.WithTimeout(t.Context(), buildLimit)
	defer cancel()
	// Without symbols it is linked in half the time.
	out, err := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-ldflags=-s -w", //nolint:gosec // the project's own program
		"-overlay", overlay, "-o", file, program).CombinedOutput()
	if err != nil {
		t.Fatalf("build orderbell with a bug in %s: %v\n%s", b.File, err, out)
	}
	return file
}

// overlay writes the patched source into a folder, and what go build has to know of
// it; it returns that file's name.
func (b Bug) overlay(top, folder string) (file string, err error) {
	source, err := filepath.Abs(filepath.Join(top, filepath.FromSlash(b.File)))
	if err != nil {
		return "", fmt.Errorf("find %s: %w", b.File, err)
	}
	content, err := os.ReadFile(source) //nolint:gosec // the project's own source
	if err != nil {
		return "", fmt.Errorf("plant a bug: %w; a bug whose file has moved must move with it", err)
	}
	patched, err := b.patch(string(content))
	if err != nil {
		return "", err
	}
	copied := filepath.Join(folder, "patched"+filepath.Ext(source))
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {source: copied}})
	if err != nil {
		return "", fmt.Errorf("name the copy of %s: %w", b.File, err)
	}
	file = filepath.Join(folder, "overlay.json")
	for name, text := range map[string]string{copied: patched, file: string(replace)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("write a copy of %s: %w", b.File, err)
		}
	}
	return file, nil
}

// patch puts the bug into the content of its file.
func (b Bug) patch(content string) (string, error) {
	if n := strings.Count(content, b.Old); n != 1 || b.Old == "" {
		return "", fmt.Errorf("plant a bug: this stands in %s %d times, and must stand there once:\n%s\n"+
			"The code has changed. Find where it now does what the bug breaks, and make Old and New "+
			"of the bug fit; a bug that is left out leaves its invariant unproved", b.File, n, b.Old)
	}
	if b.Old == b.New {
		return "", fmt.Errorf("plant a bug: nothing would change in %s", b.File)
	}
	return strings.Replace(content, b.Old, b.New, 1), nil
}
