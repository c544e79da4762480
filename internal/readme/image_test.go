package readme_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const dockerfile = "cmd/orderbell/Dockerfile"

// The image is built with the Go that go.mod asks for.
func TestImageHasTheRightGo(t *testing.T) {
	t.Parallel()
	wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))
	from := regexp.MustCompile(`(?m)^FROM golang:(\S+) `).FindStringSubmatch(read(t, dockerfile))
	if wanted == nil || from == nil || wanted[1] != from[1] {
		t.Errorf("go.mod wants Go %v, the image has %v", wanted, from)
	}
}

// The program runs as a user without rights, by number.
func TestImageRunsUnprivileged(t *testing.T) {
	t.Parallel()
	user := regexp.MustCompile(`(?m)^USER (\d+)`).FindStringSubmatch(read(t, dockerfile))
	if user == nil || user[1] == "0" {
		t.Errorf("the image's user is %v", user)
	}
}

// What .dockerignore leaves is enough to build the program, embedded files
// included, and is no more than that.
func TestContextIsEnough(t *testing.T) {
	t.Parallel()
	context := buildContext(t)
	execute(t, context, []string{"GOWORK=off", "CGO_ENABLED=0"}, "go", "list", "-deps", "./cmd/orderbell")
	var kept []string
	err := filepath.WalkDir(context, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			kept = append(kept, filepath.Ext(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(kept)
	for _, kind := range slices.Compact(kept) {
		if !slices.Contains([]string{".go", ".sql", ".mod", ".sum", ".css", ".html", ".js"}, kind) {
			t.Errorf("the context has files of the kind %q, which the build does not read", kind)
		}
	}
}

// buildContext copies what .dockerignore leaves. It knows the few kinds of
// patterns that the file uses: all, a name at the top, and a name anywhere.
func buildContext(t testing.TB) string {
	t.Helper()
	var top, nowhere []string
	for line := range strings.Lines(read(t, ".dockerignore")) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line == "*" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "!"):
			top = append(top, line[1:])
		case strings.HasPrefix(line, "**/"):
			nowhere = append(nowhere, line[3:])
		default:
			t.Fatalf(".dockerignore: this test does not know the pattern %s", line)
		}
	}
	folder := t.TempDir()
	for _, name := range top {
		err := filepath.WalkDir(filepath.Join(root, name), func(source string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if slices.ContainsFunc(nowhere, func(p string) bool { ok, _ := path.Match(p, entry.Name()); return ok }) {
				if entry.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
			relative, err := filepath.Rel(root, source)
			if err != nil {
				return err
			}
			return place(source, filepath.Join(folder, relative), entry)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func place(source, target string, entry fs.DirEntry) error {
	if entry.IsDir() {
		return os.MkdirAll(target, 0o755)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	return os.WriteFile(target, text, 0o644)
}
