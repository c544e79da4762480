package devpg

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// usualFolders are where installers put the server programs, as patterns.
func usualFolders() []string {
	return []string{
		"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
		"/usr/pgsql-*/bin",          // postgresql.org's packages for Red Hat
		"/usr/bin",                  // Fedora
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	}
}

// places lists the folders that hold a postgres or an initdb: those of PATH
// first, then those that match the patterns, the newest version of each first.
func places(path string, patterns []string) []string {
	var dirs []string
	add := func(dir string) {
		for _, name := range []string{"postgres", "initdb"} {
			// The link may stand alone, and initdb finds its files from where it really is.
			target, err := filepath.EvalSymlinks(filepath.Join(dir, name))
			if err == nil && !slices.Contains(dirs, filepath.Dir(target)) {
				dirs = append(dirs, filepath.Dir(target))
			}
		}
	}
	for _, dir := range filepath.SplitList(path) {
		if filepath.IsAbs(dir) {
			add(dir)
		}
	}
	for _, pattern := range patterns {
		for _, dir := range newestFirst(pattern) {
			add(dir)
		}
	}
	return dirs
}

var digits = regexp.MustCompile(`[0-9]+`)

func newestFirst(pattern string) []string {
	dirs, err := filepath.Glob(pattern)
	if err != nil {
		return nil
	}
	version := func(dir string) int {
		number, err := strconv.Atoi(digits.FindString(filepath.Base(filepath.Dir(dir))))
		if err != nil {
			return 0
		}
		return number
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	return slices.DeleteFunc(dirs, func(dir string) bool {
		info, err := os.Stat(dir)
		return err != nil || !info.IsDir()
	})
}
