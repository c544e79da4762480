package config_test

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/orderbell/orderbell/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var comparePrefixes = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

// write makes a file named config.yaml and returns its path.
func write(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// lines returns what Load says of a file, without the folder of the test.
func lines(t testing.TB, content string, environ ...string) []string {
	t.Helper()
	path := ""
	if content != "" {
		path = write(t, content)
	}
	c, _, err := config.Load(path, environ)
	if (c == nil) == (err == nil) {
		t.Fatalf("Load gave both or neither of a configuration and an error: %v, %v", c, err)
	}
	if err == nil {
		return nil
	}
	return strings.Split(strings.ReplaceAll(err.Error(), filepath.Dir(path)+"/", ""), "\n")
}

func load(t testing.TB, content string, environ ...string) *config.Config {
	t.Helper()
	path := ""
	if content != "" {
		path = write(t, content)
	}
	c, warnings, err := config.Load(path, environ)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("Load: %v, warnings %v", err, warnings)
	}
	return c
}

func TestLoadWithNothingGivesTheDefaults(t *testing.T) {
	t.Parallel()
	want := &config.Config{
		Worker: config.Worker{Name: config.Default().Worker.Name, Concurrency: 64, ShutdownTimeout: 30 * time.Second},
		Log:    config.Log{Level: slog.LevelInfo, Format: "auto"},
	}
	for name, content := range map[string]string{
		"no file": "", "comments": "# nothing\n", "marker": "---\n", "sections": "worker:\nnetwork: ~\nscans:\n",
		"null values": "worker:\n  name:\n  concurrency: null\nnetwork:\n  allow:\nconsole:\n  listen:\n",
		"empty map":   "{}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(want, load(t, content), comparePrefixes); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
		})
	}
}

const everything = `
database: {url: "postgres://u@db/shop", listen_url: host=direct dbname=shop}
worker:
  name: 收银 1
  concurrency: "10000"
  shutdown_timeout: 1m30s
network:
  allow:
    - 10.0.0.0/8
    - 192.168.1.7
    - fd00::1
  ports: [80, 9443]
  http: true
log:
  level: debug
  format: json
`

func everythingParsed() *config.Config {
	return &config.Config{
		Database: config.Database{URL: "postgres://u@db/shop", ListenURL: "host=direct dbname=shop"},
		Worker:   config.Worker{Name: "收银 1", Concurrency: 10000, ShutdownTimeout: 90 * time.Second},
		Network: config.Network{
			Allow: []netip.Prefix{
				netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.1.7/32"), netip.MustParsePrefix("fd00::1/128"),
			},
			Ports: []uint16{80, 9443},
			HTTP:  true,
		},
		Log: config.Log{Level: slog.LevelDebug, Format: config.FormatJSON},
	}
}

func TestLoadReadsEveryKey(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"as written": everything, "CRLF": strings.ReplaceAll(everything, "\n", "\r\n"), "BOM": "\ufeff" + everything[1:],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(everythingParsed(), load(t, content), comparePrefixes); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListenURLIsTheURLUnlessSet(t *testing.T) {
	t.Parallel()
	c := load(t, "database: {url: postgres://db/shop}\n")
	if c.Database.ListenURL != "postgres://db/shop" {
		t.Errorf("listen_url is %q", c.Database.ListenURL)
	}
}

func TestRequireDatabaseNamesTheVariable(t *testing.T) {
	t.Parallel()
	err := config.Default().RequireDatabase()
	want := "database.url: is not set; set ORDERBELL_DATABASE_URL, such as " +
		"postgres://user:password@host:5432/shop, or database.url in the configuration file"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if err := load(t, "database: {url: postgres://db/shop}\n").RequireDatabase(); err != nil {
		t.Errorf("with a URL: %v", err)
	}
}

func TestAWideOpenRangeIsWarnedOf(t *testing.T) {
	t.Parallel()
	_, warnings, err := config.Load(write(t, "network: {allow: [0.0.0.0/0]}\n"), nil)
	if err != nil || len(warnings) != 1 || !strings.HasPrefix(warnings[0].String(), "network.allow: 0.0.0.0/0 opens") {
		t.Errorf("warnings %v, error %v", warnings, err)
	}
}
