package model_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

// TestMain makes random runs as short as every change can bear; the command line
// and the environment (RAPID_CHECKS) may ask for more.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"CHECKS": "60", "STEPS": "60"} {
		if os.Getenv("RAPID_"+name) != "" {
			continue
		}
		if err := flag.Set("rapid."+strings.ToLower(name), value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	pgtest.Main(m, postgres.MigrateUp)
}
