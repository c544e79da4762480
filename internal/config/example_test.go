package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
	"github.com/google/go-cmp/cmp"
)

const exampleFile = "../../config.example.yaml"

// paths returns the keys of a tree, sections left out.
func paths(above string, m ast.MapNode) []string {
	var found []string
	for entries := m.MapRange(); entries.Next(); {
		name, _ := scalar(entries.Key())
		if below, ok := entries.Value().(ast.MapNode); ok && above == "" {
			found = append(found, paths(name+".", below)...)
		} else {
			found = append(found, above+name)
		}
	}
	return found
}

// uncommented is the example with every "#key:" set.
func uncommented(t *testing.T) string {
	t.Helper()
	example, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`(?m)^( *)#([a-z_]+:)`).ReplaceAllString(string(example), "$1$2")
}

func TestTheExampleIsTheDefaults(t *testing.T) {
	t.Parallel()
	got, warnings, err := Load(exampleFile, nil)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("Load: %v, warnings %v", err, warnings)
	}
	if diff := cmp.Diff(Default(), got); diff != "" {
		t.Errorf("configuration (-default +example):\n%s", diff)
	}
}

func TestTheExampleHasEveryKey(t *testing.T) {
	t.Parallel()
	root, problem := parse([]byte(uncommented(t)))
	if problem != nil {
		t.Fatal(problem)
	}
	var want []string
	for _, k := range keys {
		want = append(want, k.path)
	}
	got := paths("", root.(ast.MapNode))
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-code +example):\n%s", diff)
	}
}

// What the example shows for a key works, and what comes later is refused.
func TestTheExampleUncommented(t *testing.T) {
	t.Parallel()
	// What comes later goes to a file of its own.
	now, later, found := strings.Cut(uncommented(t), "# ------")
	if !found {
		t.Fatal("the example has no line before the keys that come later")
	}
	dir := t.TempDir()
	// A key of its own, and from one place.
	now = strings.Replace(now, "32 random bytes in base64\n", strings.Repeat("AB3D", 10)+"AB4=\n", 1)
	now = regexp.MustCompile(`\n *master_key_file: .*`).ReplaceAllString(now, "")
	nowFile, laterFile := filepath.Join(dir, "now.yaml"), filepath.Join(dir, "later.yaml")
	for name, content := range map[string]string{nowFile: now, laterFile: "# ------" + later} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := Load(nowFile, nil); err != nil {
		t.Errorf("keys of now: %v", err)
	}
	problems := Default().readFile(laterFile)
	for _, k := range keys {
		refused := slices.ContainsFunc(problems, func(p Problem) bool { return p.Key == k.path })
		if refused != (k.missing != "") {
			t.Errorf("%s: refused %v, want %v", k.path, refused, k.missing != "")
		}
	}
}

func TestTheTableOfKeys(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, k := range keys {
		if (k.set == nil) != (k.missing != "" || k.fileOnly) {
			t.Errorf("%s: a key has either a set or a reason why not", k.path)
		}
		if seen[variable(k.path)] || slices.Contains(notConfiguration, variable(k.path)) {
			t.Errorf("%s: its variable is not its own", k.path)
		}
		seen[variable(k.path)] = true
	}
}

func TestDefaultNames(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		host string
		err  error
		want string
	}{
		{"web-3", nil, "web-3-4711"},
		{"", nil, "worker-4711"},
		{"web-3", os.ErrNotExist, "worker-4711"},
		{"tab\there", nil, "worker-4711"},
		{strings.Repeat("é", 80), nil, strings.Repeat("é", 58) + "-4711"},
	} {
		if got := nameFor(tc.host, tc.err, 4711); got != tc.want {
			t.Errorf("nameFor(%q, %v) = %q, want %q", tc.host, tc.err, got, tc.want)
		}
	}
}
