package bench_test

import (
	"testing"

	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

func TestMain(m *testing.M) { pgtest.Main(m, postgres.MigrateUp) }
