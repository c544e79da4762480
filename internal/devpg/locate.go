package devpg

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// BinVariable names a folder with initdb and postgres, and wins over all others.
const BinVariable = "ORDERBELL_PG_BIN"

// locate finds PostgreSQL on this machine, else fetches it.
func locate(ctx context.Context, a account, log *slog.Logger) (programs, error) {
	if dir := os.Getenv(BinVariable); dir != "" {
		found, err := examine(ctx, dir, a)
		if err != nil {
			return programs{}, fmt.Errorf("use the folder that %s names: %w", BinVariable, err)
		}
		return found, nil
	}
	return searchOrFetch(ctx, places(os.Getenv("PATH"), usualFolders()), mavenCentral(), a, log)
}

func searchOrFetch(ctx context.Context, dirs []string, r registry, a account, log *slog.Logger) (programs, error) {
	found, passed := search(ctx, dirs, a)
	for _, reason := range passed {
		log.Debug("passed over a PostgreSQL", "reason", reason)
	}
	if found.dir != "" {
		return found, nil
	}
	found, err := r.fetch(ctx, a, log)
	if err != nil {
		return programs{}, notFound(passed, err)
	}
	return found, nil
}

// search takes the first place that has what is needed, and says why it passed
// over those before it.
func search(ctx context.Context, dirs []string, a account) (programs, []string) {
	var passed []string
	for _, dir := range dirs {
		found, err := examine(ctx, dir, a)
		if err == nil {
			return found, passed
		}
		passed = append(passed, err.Error())
	}
	return programs{}, passed
}

// notFound tells what was looked for, where, and what mends it.
func notFound(passed []string, fetching error) error {
	var places strings.Builder
	for _, reason := range passed {
		places.WriteString("\n    " + reason)
	}
	return fmt.Errorf(`find PostgreSQL %d to %d: none is on this machine, and fetching one failed: %w
  looked for initdb and postgres in the folders of PATH and in %s%s
  any one of these mends it:
    apt-get install postgresql            Debian, Ubuntu
    dnf install postgresql-server         Fedora, Red Hat
    brew install postgresql@17            macOS
    export %s=DIR           the folder with initdb and postgres`,
		oldest, newest, fetching, strings.Join(usualFolders(), ", "), places.String(), BinVariable)
}
