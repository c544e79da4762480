package devpg

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// program writes a shell script; other users can run it.
func program(t *testing.T, path, script string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// open is a folder that another user can enter too, unlike t.TempDir.
func open(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "devpg-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// installed makes a folder with an initdb and a postgres of a version.
func installed(t *testing.T, dir, version string) {
	t.Helper()
	program(t, filepath.Join(dir, "initdb"), "exit 1")
	program(t, filepath.Join(dir, "postgres"), "echo 'postgres (PostgreSQL) "+version+"'")
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	base := open(t)
	at := func(parts ...string) string { return filepath.Join(append([]string{base}, parts...)...) }
	for _, version := range []string{"9.6", "17", "16"} {
		installed(t, at("lib", version, "bin"), version)
	}
	program(t, at("lib", "15", "bin", "psql"), "") // no server
	program(t, at("half", "initdb"), "")
	if err := os.Mkdir(at("links"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(at("lib", "16", "bin", "postgres"), at("links", "postgres")); err != nil {
		t.Fatal(err)
	}
	path := strings.Join([]string{"", "relative", at("missing"), at("links"), at("half")}, ":")
	got := places(path, []string{at("lib", "*", "bin"), at("nothing", "*")})
	want := []string{at("lib", "16", "bin"), at("half"), at("lib", "17", "bin"), at("lib", "9.6", "bin")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	base := open(t)
	old, half, broken, good := filepath.Join(base, "old"), filepath.Join(base, "half"), filepath.Join(base, "broken"), filepath.Join(base, "good")
	installed(t, old, "13.4")
	program(t, filepath.Join(half, "postgres"), "")
	installed(t, broken, "15.1")
	program(t, filepath.Join(broken, "postgres"), "echo 'libpq.so is missing' >&2; exit 127")
	installed(t, good, "17.5 (Debian 17.5-1)")
	account, err := chooseAccount()
	if err != nil {
		t.Fatal(err)
	}
	found, passed := search(t.Context(), []string{old, half, broken, good, old}, account)
	if found != (programs{dir: good, version: "17.5"}) {
		t.Errorf("found %+v", found)
	}
	for i, want := range []string{"13.4 is too old", "has no program initdb", "libpq.so is missing"} {
		if len(passed) != 3 || !strings.Contains(passed[i], want) {
			t.Errorf("passed over %q, want %q at %d", passed, want, i)
		}
	}
}

func TestAcceptVersion(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n": "15.18",
		"postgres (PostgreSQL) 14.0\n":                           "14.0",
		"postgres (PostgreSQL) 18beta1\n":                        "18beta1",
		"postgres (PostgreSQL) 18.3":                             "18.3",
		"postgres (PostgreSQL) 13.21\n":                          "PostgreSQL 13.21 is too old",
		"postgres (PostgreSQL) 9.6.24\n":                         "PostgreSQL 9.6.24 is too old",
		"postgres (PostgreSQL) 19devel\n":                        "PostgreSQL 19devel is newer than Orderbell knows",
		"postgres (PostgreSQL) 99999999999999999999\n":           `read the version of postgres: strconv.Atoi: parsing "99999999999999999999": value out of range`,
		"EDB 15": `read the version of postgres: it said "EDB 15"`,
		"":       `read the version of postgres: it said ""`,
	} {
		got, err := acceptVersion(line)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
}
