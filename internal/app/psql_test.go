package app_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/merchanttest"
)

// From psql, inside a transaction: what a savepoint took back is not sent.
func TestSavepointRolledBackFromPsql(t *testing.T) {
	t.Parallel()
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Skip("psql is not installed")
	}
	shop := newShop(t)
	merchant := merchanttest.New(t)
	shop.endpoint("m-1", merchant.URL, "standard")
	shop.work(shop.config("w1"))
	command := exec.CommandContext(t.Context(), psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", shop.url)
	command.Stdin = strings.NewReader(`
		create table orders (order_no text primary key);
		begin;
		insert into orders values ('kept');
		select orderbell.enqueue('m-1', 'trade.success', 'kept', '{"order_no":"kept"}');
		savepoint second_thoughts;
		insert into orders values ('dropped');
		select orderbell.enqueue('m-1', 'trade.success', 'dropped', '{"order_no":"dropped"}');
		rollback to second_thoughts;
		insert into orders values ('also kept');
		insert into orderbell.notification (endpoint, event, order_no, body)
		values ('m-1', 'trade.success', 'also kept', '{"order_no":"also kept"}');
		commit;
		begin;
		select orderbell.enqueue('m-1', 'trade.success', 'never', '{"order_no":"never"}');
		rollback;`)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
	shop.allFinished(10 * time.Second)
	received := map[string]int{}
	for _, r := range merchant.Requests() {
		received[r.OrderNo]++
	}
	if len(received) != 2 || received["kept"] != 1 || received["also kept"] != 1 {
		t.Errorf("the merchant received %v, wanted the two that committed, once each", received)
	}
}
