package chaos

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

// run is what the tests of one run share.
var run struct {
	mu      sync.Mutex
	watcher *watcher
	binary  string // the shipped program, built when first needed
	failed  error  // why that, or the watcher, could not be had: every test says so at once
}

// Main runs a package's tests as [pgtest.Main] does, or, in a process that a shop
// was started in, is that shop. It doesn't return.
func Main(m *testing.M) {
	if orders := os.Getenv(shopVariable); orders != "" {
		if err := keepShop(orders); err != nil {
			fmt.Fprintln(os.Stderr, "the shop:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	pgtest.Main(m, postgres.MigrateUp)
}
