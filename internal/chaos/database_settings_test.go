package chaos_test

import (
	"testing"

	"github.com/orderbell/orderbell/internal/chaos"
)

// Everybody's transactions are serializable unless they say otherwise. Workers do, and
// none of their statements fails for another's.
func TestDatabaseIsSerializableByDefault(t *testing.T) {
	t.Parallel()
	d := trading(t, chaos.Options{OwnCluster: true})
	d.SQL("alter database postgres set default_transaction_isolation = 'serializable'")
	d.SQL("alter role current_user set default_transaction_isolation = 'serializable'")
	d.Excuse("40001", "40P01") // the shop's own orders may meet each other
	d.employ("w1", "w2")
	d.open()
	d.sells(3 * ordersPerSecond)
	d.undisturbed()
	d.ends()
}
