package pgtest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Migrate brings the database at a URL to its newest schema, and closes its
// connections.
type Migrate func(ctx context.Context, url string) error

// Main runs a package's tests, stops the cluster, and fails when goroutines are
// left. It doesn't return. migrate may be nil where tests only use [Empty].
func Main(m *testing.M, migrate Migrate) {
	shared.migrate = migrate
	goleak.VerifyTestMain(stopAfter{m})
}

// stopAfter stops the cluster before goroutines are counted.
type stopAfter struct{ tests goleak.TestingM }

func (s stopAfter) Run() int {
	code := s.tests.Run()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := shared.stop(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest: stop the cluster:", err)
		return max(code, 1)
	}
	return code
}
