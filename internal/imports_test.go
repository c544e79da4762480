// Package internal_test keeps the picture of the house true: who may import whom.
package internal_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/orderbell/orderbell/"

// may lists, for each package, which of ours it may import: one way, from the
// command down to the rules; siblings do not know each other.
//
//	cmd ─▶ demo ─▶ app ─▶ worker, janitor, api, delivery, postgres, config ─▶ outbox
var may = map[string][]string{
	"cmd/orderbell": {
		"internal/app", "internal/bench", "internal/bench/merchant", "internal/config", "internal/demo", "internal/devpg",
		"internal/outbox", "internal/postgres", "migrations",
	},
	"internal/bench": {
		"internal/bench/merchant", "internal/delivery", "internal/delivery/netguard", "internal/delivery/sign", "internal/devpg",
		"internal/outbox", "internal/postgres", "internal/secret", "internal/worker",
	},
	"internal/bench/merchant": {},
	"internal/demo": {
		"internal/app", "internal/channels", "internal/config", "internal/devpg", "internal/outbox", "internal/postgres", "internal/secret",
	},
	"internal/app": {
		"internal/api", "internal/config", "internal/delivery", "internal/delivery/netguard", "internal/delivery/sign", "internal/janitor",
		"internal/outbox", "internal/postgres", "internal/secret", "internal/worker",
	},
	"internal/worker":               {"internal/outbox"},
	"internal/janitor":              {"internal/outbox"},
	"internal/api":                  {"internal/outbox"},
	"internal/delivery":             {"internal/outbox", "internal/delivery/acknowledge", "internal/delivery/netguard", "internal/delivery/sign", "internal/secret"},
	"internal/delivery/sign":        {"internal/outbox"},
	"internal/delivery/acknowledge": {},
	"internal/delivery/netguard":    {},
	"internal/postgres":             {"internal/outbox", "migrations", "sql"},
	"internal/config":               {"internal/secret"},
	"internal/secret":               {},
	"internal/devpg":                {},
	"internal/outbox":               {},
	"internal/channels":             {},
	"migrations":                    {},
	"sql":                           {},
	// Test support.
	"internal/pgtest":       {"internal/devpg"},
	"internal/merchanttest": {},
	"internal/chaos":        {"internal/devpg", "internal/pgtest", "internal/postgres"},
	"internal/model":        {},
}

// only lists the libraries that one part of the house keeps to itself.
var only = map[string][]string{
	"github.com/jackc/pgx":                  {"internal/postgres", "internal/bench", "internal/demo", "internal/pgtest", "internal/chaos"},
	"github.com/pressly/goose":              {"internal/postgres"},
	"github.com/robfig/cron":                {"internal/janitor"},
	"github.com/lmittmann/tint":             {"internal/app"},
	"github.com/spf13/cobra":                {"cmd/orderbell"},
	"github.com/goccy/go-yaml":              {"internal/config"},
	"github.com/expr-lang/expr":             {"internal/delivery/acknowledge"},
	"github.com/fergusstrange/embedded-pos": {"internal/devpg"},
	"golang.org/x/time":                     {"internal/api"},
	"net/http":                              {"internal/api", "internal/delivery", "internal/delivery/acknowledge", "internal/bench", "internal/demo", "internal/merchanttest", "internal/chaos", "internal/channels"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		found = append(found, p)
	}
}

func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		allowed, known := may[p.ImportPath]
		if !known && len(p.Imports) > 0 {
			t.Errorf("%s is not in the picture", p.ImportPath)
		}
		for _, imported := range p.Imports {
			if ours, ok := strings.CutPrefix(imported, module); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s", p.ImportPath, ours)
			}
			for library, keepers := range only {
				if strings.HasPrefix(imported, library) && !slices.Contains(keepers, p.ImportPath) {
					t.Errorf("%s imports %s, which is for %v", p.ImportPath, imported, keepers)
				}
			}
		}
	}
}

// The rules of the outbox need nothing but the standard library, and no clock.
func TestOutboxIsPure(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if p.ImportPath != "internal/outbox" {
			continue
		}
		for _, imported := range p.Imports {
			if !slices.Contains([]string{"encoding/hex", "fmt", "slices", "time"}, imported) {
				t.Errorf("outbox imports %s", imported)
			}
		}
	}
}
