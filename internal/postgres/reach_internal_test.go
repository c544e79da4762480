package postgres

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// What a user writes into the URL is theirs.
func TestHowAServerIsReached(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]time.Duration{
		"postgres://shop@a,b/shop?sslmode=disable":                   connectWithin,
		"postgres://shop@a,b/shop?sslmode=disable&connect_timeout=7": 7 * time.Second,
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
	for url, ours := range map[string]bool{
		"postgres://shop@a,b/shop?sslmode=disable":                                true,
		"postgres://shop@a,b/shop?sslmode=disable&target_session_attrs=any":       true,
		"postgres://shop@a,b/shop?sslmode=disable&target_session_attrs=primary":   false,
		"postgres://shop@a,b/shop?sslmode=disable&target_session_attrs=read-only": false,
	} {
		config, err := pgx.ParseConfig(url)
		if err != nil {
			t.Fatal(err)
		}
		if asked := config.ValidateConnect == nil; asked != ours {
			t.Errorf("%s: pgx leaves it to us is %t", url, asked)
		}
		writable(config)
		if config.ValidateConnect == nil {
			t.Errorf("%s: a standby would do", url)
		}
	}
}
