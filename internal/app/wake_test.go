package app_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// While the database is set to poll, commits do not ring, also not for a worker
// that has fallen asleep before; it looks every second instead.
func TestPollDeliversWithoutABell(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	merchant := merchanttest.New(t)
	shop.endpoint("m-1", merchant.URL, "standard")
	shop.work(shop.config("w1"))
	pgtest.Eventually(t, 10*time.Second, "the worker sleeps", func() error {
		if n := shop.count(`select count(*) from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock' and granted
			and database = (select oid from pg_database where datname = current_database()) and objid = 1`); n == 0 {
			return fmt.Errorf("nobody holds the bell's lock")
		}
		return nil
	})
	shop.exec("update orderbell.setting set wake = 'poll'")
	for n := range 3 {
		id := shop.enqueue("m-1", fmt.Sprint("o-", n), "{}")
		if state, explanation := shop.ended(id); state != "acknowledged" {
			t.Errorf("it is %s: %s", state, explanation)
		}
	}
}
