package app_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/devpg"
	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

// The database goes away under load, twice, and the worker goes on by itself:
// every order that committed is acknowledged, and none is left in flight.
func TestDatabaseRestartsUnderLoad(t *testing.T) {
	t.Parallel()
	server, err := devpg.Start(t.Context(), devpg.Options{Settings: map[string]string{"shared_buffers": "32MB"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	if err := postgres.MigrateUp(t.Context(), server.URL("postgres")); err != nil {
		t.Fatal(err)
	}
	shop := shopAt(t, server.URL("postgres"))
	merchant := merchanttest.New(t)
	shop.endpoint("m-1", merchant.URL, "quick")
	shop.exec("create table orders (order_no text primary key)")
	shop.work(shop.config("w1"))

	committed := map[string]bool{}
	for round := range 3 {
		for n := range 100 {
			orderNo := fmt.Sprint(round, "-", n)
			if err := shop.order(orderNo, true); err != nil {
				t.Fatalf("order %s: %v", orderNo, err)
			}
			committed[orderNo] = true
		}
		if round < 2 {
			if err := server.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			pgtest.Eventually(t, 10*time.Second, "the database is back", func() error { return shop.db.Ping(t.Context()) })
		}
	}
	shop.allFinished(30 * time.Second)
	received := map[string]bool{}
	for _, r := range merchant.Requests() {
		received[r.OrderNo] = true
	}
	for orderNo := range committed {
		if !received[orderNo] {
			t.Errorf("order %s was never received", orderNo)
		}
	}
	if n := shop.count("select count(*) from orderbell.finished where state = 'acknowledged'"); n != len(committed) {
		t.Errorf("%d acknowledged, wanted %d", n, len(committed))
	}
}
