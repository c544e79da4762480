package main

import (
	"os"
	"testing"

	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

// asProgram makes this test binary be orderbell: the same main, and with -race
// the processes that the tests start are watched too.
const asProgram = "BE_ORDERBELL"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	pgtest.Main(m, postgres.MigrateUp)
}
