package devpg

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

func TestExplicitFolder(t *testing.T) {
	account, err := chooseAccount()
	if err != nil {
		t.Fatal(err)
	}
	good, empty := filepath.Join(open(t), "bin"), open(t)
	installed(t, good, "16.9")
	t.Setenv(BinVariable, good)
	found, err := locate(t.Context(), account, slog.New(slog.DiscardHandler))
	if err != nil || found != (programs{dir: good, version: "16.9"}) {
		t.Errorf("got %+v, %v", found, err)
	}
	t.Setenv(BinVariable, empty)
	_, err = locate(t.Context(), account, slog.New(slog.DiscardHandler))
	want := "use the folder that ORDERBELL_PG_BIN names: " + empty + " has no program initdb"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestNothingFoundNorFetched(t *testing.T) {
	t.Parallel()
	old := filepath.Join(open(t), "bin")
	installed(t, old, "13.4")
	registry, account := serve(t, http.NotFound)
	_, err := searchOrFetch(t.Context(), []string{old}, registry, account, slog.New(slog.DiscardHandler))
	if err == nil {
		t.Fatal("something was found")
	}
	for _, want := range []string{
		"PostgreSQL 14 to 18", "initdb and postgres", "/usr/lib/postgresql/*/bin", old + ": PostgreSQL 13.4 is too old",
		registry.url, "no version found", "apt-get install postgresql", "brew install postgresql", "export ORDERBELL_PG_BIN=",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it doesn't say %q:\n%v", want, err)
		}
	}
}
