package merchant_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/orderbell/orderbell/internal/bench/merchant"
)

// beMerchant makes this test binary be the merchant's process.
const beMerchant = "BE_MERCHANT"

func TestMain(m *testing.M) {
	if os.Getenv(beMerchant) != "" {
		if err := merchant.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// start starts a merchant that ends with the test.
func start(t *testing.T) *merchant.Process {
	t.Helper()
	// env, because the merchant's environment is this process's own.
	p, err := merchant.Start(t.Context(), []string{"env", beMerchant + "=1", os.Args[0]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}
