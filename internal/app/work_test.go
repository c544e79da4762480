package app_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/pgtest"
)

func TestSuccessEndsIt(t *testing.T) {
	shop := newShop(t)
	merchant := merchanttest.New(t)
	shop.endpoint("m-1", merchant.URL, "standard")
	shop.work(shop.config("w1"))
	shop.enqueue("m-1", "o-1", `{}`)
	pgtest.Eventually(t, 10*time.Second, "the notification is acknowledged", func() error {
		var state, explanation string
		shop.get("select state, explanation from orderbell.notification_status", nil, &state, &explanation)
		if state != "acknowledged" {
			return fmt.Errorf("it is %s: %s", state, explanation)
		}
		return nil
	})
}
