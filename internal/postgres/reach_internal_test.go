package postgres

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Silent hosts must not keep a worker from those that answer, and what a user writes
// into the URL is theirs.
func TestHowLongConnectingMayTake(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]time.Duration{
		"postgres://shop@a/shop?sslmode=disable":                         connectWithin,
		"postgres://shop@a/shop?sslmode=prefer":                          connectWithin, // one host, twice
		"postgres://shop@a,b/shop?sslmode=prefer":                        connectWithinEach,
		"postgres://shop@a:1,a:2/shop?sslmode=disable":                   connectWithinEach,
		"postgres://shop@a,b/shop?sslmode=disable&connect_timeout=7":     7 * time.Second,
		"postgres://shop@a/shop?sslmode=disable&connect_timeout=1":       time.Second,
		"postgres://shop@a/shop?target_session_attrs=any&sslmode=prefer": connectWithin,
	} {
		config, err := pgx.ParseConfig(url)
		if err != nil {
			t.Fatal(err)
		}
		reach(config)
		if config.ConnectTimeout != want {
			t.Errorf("%s: %v, want %v", url, config.ConnectTimeout, want)
		}
	}
}
