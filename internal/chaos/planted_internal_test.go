package chaos

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A bug whose place has moved is no bug that nobody catches: it fails, and says what
// to do.
func TestABugNeedsItsPlace(t *testing.T) {
	t.Parallel()
	const content = "a token\na lease\na lease\n"
	for _, test := range []struct {
		name string
		bug  Bug
		want string // in the error; empty: the patched content follows
		then string
	}{
		{"once", Bug{Old: "a token", New: "no token"}, "", "no token\na lease\na lease\n"},
		{"over lines", Bug{Old: "token\na", New: "b"}, "", "a b lease\na lease\n"},
		{"gone", Bug{File: "f.go", Old: "a bell", New: "none"}, "stands in f.go 0 times", ""},
		{"twice", Bug{File: "f.go", Old: "a lease", New: "none"}, "stands in f.go 2 times", ""},
		{"nowhere", Bug{File: "f.go", New: "none"}, "must stand there once", ""},
		{"the same", Bug{File: "f.go", Old: "a token", New: "a token"}, "nothing would change in f.go", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := test.bug.patch(content)
			switch {
			case test.want == "" && err != nil:
				t.Fatal(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Fatalf("the error is %v, want %q in it", err, test.want)
			case got != test.then:
				t.Errorf("it became %q, want %q", got, test.then)
			}
		})
	}
}

// The copy is what is patched; the source stays as it is.
func TestABugIsPlantedInACopy(t *testing.T) {
	t.Parallel()
	from, to := t.TempDir(), t.TempDir()
	source := filepath.Join(from, "settle.sql")
	if err := os.WriteFile(source, []byte("select 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	bug := Bug{File: "settle.sql", Old: "1", New: "2"}
	file, err := bug.overlay(from, to)
	if err != nil {
		t.Fatal(err)
	}
	var overlay struct{ Replace map[string]string }
	if err := json.Unmarshal([]byte(read(t, file)), &overlay); err != nil {
		t.Fatal(err)
	}
	if got := read(t, overlay.Replace[source]); got != "select 2" {
		t.Errorf("the copy has %q", got)
	}
	if got := read(t, source); got != "select 1" {
		t.Errorf("the source has %q", got)
	}
	if _, err := (Bug{File: "gone.sql", Old: "1"}).overlay(from, to); err == nil || !strings.Contains(err.Error(), "must move with it") {
		t.Errorf("a file that is not there gives %v", err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
