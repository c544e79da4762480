package postgres

import (
	"context"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
)

// What a user writes into the URL is theirs.
func TestHowAServerIsReached(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]time.Duration{
		"postgres://shop@a/shop?sslmode=prefer":                      connectWithin, // one host, with TLS and without
		"postgres://shop@a,b/shop?sslmode=disable":                   connectWithinEach,
		"postgres://shop@a,b/shop?sslmode=disable&connect_timeout=7": 7 * time.Second,
	} {
		config, err := pgx.ParseConfig(url)
		if err != nil {
			t.Fatal(err)
		}
		reach(config, newSilences())
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

// One of several hosts that is silent costs its time once, and not with each of a
// worker's connections.
func TestASilentHostIsPassedOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dialled := 0
		dial := newSilences().passOver(func(_ context.Context, _, address string) (net.Conn, error) {
			dialled++
			if address == "silent:5432" {
				time.Sleep(dialWithin)
				return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
			}
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		})
		try := func(address string, want int) {
			t.Helper()
			for range 5 {
				if _, err := dial(t.Context(), "tcp", address); err == nil {
					t.Fatal("it has connected")
				}
			}
			if dialled != want {
				t.Errorf("%s: dialled %d times, want %d", address, dialled, want)
			}
			dialled = 0
		}
		try("silent:5432", 1)
		try("refusing:5432", 5)
		time.Sleep(shunned)
		try("silent:5432", 1)
	})
}
