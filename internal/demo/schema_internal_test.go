package demo

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// aShop is a database with the sample schema.
func aShop(t *testing.T) *pgxpool.Pool {
	t.Helper()
	db := pgtest.Pool(t)
	for range 2 { // the second time it is recognised
		if err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error { return makeBusiness(t.Context(), tx) }); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func do(t *testing.T, db *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := db.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func sell(t *testing.T, db *pgxpool.Pool, orderNo string, cents int) {
	t.Helper()
	do(t, db, "insert into shop.orders (order_no, merchant, cents) values ($1, 'm-1', $2)", orderNo, cents)
}

func pageOf(t *testing.T, db *pgxpool.Pool, orderNo string) page {
	t.Helper()
	b, err := readBooks(t.Context(), db, orderNo)
	if err != nil {
		t.Fatal(err)
	}
	return b.of(orderNo)
}

const (
	alipayPaid = `{"alipay_trade_query_response":{"code":"10000","out_trade_no":"o-1","trade_no":"t-1","trade_status":"TRADE_SUCCESS","total_amount":"12.34"},"sign":"x"}`
	wechatPaid = `{"out_trade_no":"o-1","trade_state":"SUCCESS","transaction_id":"t-1","amount":{"total":1234}}`
)

func TestPaymentFinal(t *testing.T) {
	t.Parallel()
	db, orders := aShop(t), 0
	for name, test := range map[string]struct {
		answer any // a text, or nothing
		state  string
		fault  string
	}{
		"Alipay: paid":         {alipayPaid, "paid", ""},
		"Alipay: finished":     {strings.Replace(alipayPaid, "SUCCESS", "FINISHED", 1), "paid", ""},
		"Alipay: closed":       {`{"alipay_trade_query_response":{"out_trade_no":"o-1","trade_status":"TRADE_CLOSED"}}`, "closed", ""},
		"Alipay: not final":    {strings.Replace(alipayPaid, "TRADE_SUCCESS", "WAIT_BUYER_PAY", 1), "", "WAIT_BUYER_PAY is not final"},
		"WeChat Pay: paid":     {wechatPaid, "paid", ""},
		"WeChat Pay: refunded": {strings.Replace(wechatPaid, "SUCCESS", "REFUND", 1), "paid", ""},
		"WeChat Pay: closed":   {`{"out_trade_no":"o-1","trade_state":"CLOSED"}`, "closed", ""},
		"WeChat Pay: revoked":  {`{"out_trade_no":"o-1","trade_state":"REVOKED"}`, "closed", ""},
		"WeChat Pay: error":    {`{"out_trade_no":"o-1","trade_state":"PAYERROR"}`, "closed", ""},
		"another amount":       {strings.Replace(wechatPaid, "1234", "1233", 1), "", "costs 1234, and 1233 cents were paid"},
		"no amount":            {`{"out_trade_no":"o-1","trade_state":"SUCCESS","transaction_id":"t-1"}`, "", "no cents were paid"},
		"no number":            {`{"out_trade_no":"o-1","trade_state":"SUCCESS","amount":{"total":1234}}`, "", "null value"},
		"another order":        {strings.Replace(wechatPaid, "o-1", "o-2", 1), "", "is about o-2, not about order o-"},
		"no state":             {`{"out_trade_no":"o-1"}`, "", "an answer without a state is not final"},
		"no JSON":              {`<html>`, "", "invalid input syntax for type json"},
		"no answer":            {nil, "", "is about nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			orders++
			no := fmt.Sprintf("o-%d.", orders)
			sell(t, db, no, 1234)
			if text, ok := test.answer.(string); ok {
				test.answer = strings.NewReplacer(`"o-1"`, `"`+no+`"`, `"t-1"`, `"t`+no+`"`).Replace(text)
			}
			for range 2 { // a second time it changes nothing
				_, err := db.Exec(t.Context(), "select shop.payment_final($1, $2)", no, test.answer)
				if (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
					t.Fatalf("got %v, want %q", err, test.fault)
				}
			}
			p, calls := pageOf(t, db, no), 2
			if test.fault != "" {
				test.state, calls = "unpaid", 0
			}
			paid := 0
			if test.state == "paid" {
				paid = 1
			}
			if p.state != test.state || p.accepted != paid || p.calls["payment_final"] != calls {
				t.Errorf("the order is %+v", p)
			}
		})
	}
}

func TestMoneyThatComesTooLate(t *testing.T) {
	t.Parallel()
	db := aShop(t)
	sell(t, db, "o-1", 1234)
	do(t, db, "select shop.close_unpaid('o-1', '{}')")
	do(t, db, "select shop.payment_final('o-1', $1)", wechatPaid)
	do(t, db, "select shop.close_unpaid('o-1', '{}')")
	if p := pageOf(t, db, "o-1"); p.state != "closed" || p.accepted != 0 || p.closings != 1 || p.calls["close_unpaid"] != 2 {
		t.Errorf("the order is %+v", p)
	}
	var back int
	if err := db.QueryRow(t.Context(), "select count(*) from shop.payments where not accepted and cents = 1234").Scan(&back); err != nil || back != 1 {
		t.Errorf("%d payments are to be given back, %v", back, err)
	}
	sell(t, db, "o-2", 1234)
	if _, err := db.Exec(t.Context(), "select shop.pay('o-2', 'wechatpay', 't-1', 1234)"); err == nil || !strings.Contains(err.Error(), "has paid order o-1") {
		t.Errorf("one payment for two orders: %v", err)
	}
	if _, err := db.Exec(t.Context(), "select shop.close_unpaid('o-3', '{}')"); err == nil || !strings.Contains(err.Error(), "there is no order o-3") {
		t.Errorf("an order that is not there: %v", err)
	}
}

func TestRemind(t *testing.T) {
	t.Parallel()
	db := aShop(t)
	sell(t, db, "o-1", 1234)
	sell(t, db, "o-2", 1234)
	do(t, db, "select shop.pay('o-2', 'counter', 't-2', 1234)")
	for _, no := range []string{"o-1", "o-2"} {
		var done bool
		if err := db.QueryRow(t.Context(), "select shop.remind($1, 'a week')", no).Scan(&done); err != nil || !done {
			t.Errorf("%s: %t, %v", no, done, err)
		}
	}
	if a, b := pageOf(t, db, "o-1"), pageOf(t, db, "o-2"); a.calls["remind"] != 1 || b.calls["remind"] != 0 {
		t.Errorf("reminded %+v and %+v", a, b)
	}
}

// A payment and the closing of the same order run at the same time, from two connections
// each: one of the two wins, and both agree on which.
func TestPaymentAndClosingRace(t *testing.T) {
	t.Parallel()
	db := aShop(t)
	const races = 250
	won := make(map[string]int)
	for n := range races {
		no := fmt.Sprintf("o-%04d.", n)
		sell(t, db, no, 1234)
		var (
			start    = make(chan struct{})
			racing   sync.WaitGroup
			accepted [2]bool
			errs     [4]error
		)
		for i := range 4 {
			racing.Go(func() {
				<-start
				if i < 2 {
					errs[i] = db.QueryRow(t.Context(), "select shop.pay($1, 'counter', $1, 1234)", no).Scan(&accepted[i])
				} else {
					_, errs[i] = db.Exec(t.Context(), "select shop.close_unpaid($1, '{}')", no)
				}
			})
		}
		close(start)
		racing.Wait()
		p := pageOf(t, db, no)
		won[p.state]++
		if errs != [4]error{} || accepted[0] != accepted[1] || accepted[0] != (p.state == "paid") ||
			(p.accepted == 1) != (p.state == "paid") || (p.closings == 1) != (p.state == "closed") || p.closings > 1 {
			t.Errorf("order %s: %+v, told %v, %v", no, p, accepted, errs)
		}
	}
	if won["paid"] == 0 || won["closed"] == 0 || won["paid"]+won["closed"] != races {
		t.Errorf("there was no race: %v", won)
	}
}

// A worker's role may call what hooks and actions name, and nothing else; not everybody may.
func TestGrantsOfTheSample(t *testing.T) {
	t.Parallel()
	db := aShop(t)
	for role, want := range map[string]string{
		"orderbell_worker":   "close_unpaid payment_final payment_unknown remind",
		"orderbell_operator": "close_unpaid payment_final payment_unknown remind",
		"orderbell_producer": "",
	} {
		var may, tables string
		err := db.QueryRow(t.Context(), `
			select coalesce((select string_agg(p.proname, ' ' order by p.proname) from pg_proc p
			                 where p.pronamespace = 'shop'::regnamespace and has_function_privilege($1, p.oid, 'execute')), ''),
			       coalesce((select string_agg(c.relname, ' ') from pg_class c
			                 where c.relnamespace = 'shop'::regnamespace and c.relkind = 'r' and has_table_privilege($1, c.oid, 'select, insert, update, delete')), '')`,
			role).Scan(&may, &tables)
		if err != nil {
			t.Fatal(err)
		}
		if may != want || tables != "" {
			t.Errorf("%s may execute %q, and use the tables %q", role, may, tables)
		}
	}
	var unpinned int
	err := db.QueryRow(t.Context(), `
		select count(*) from pg_proc where pronamespace = 'shop'::regnamespace
		  and not coalesce(proconfig::text like '%search_path=pg_catalog, shop, pg_temp%', false)`).Scan(&unpinned)
	if err != nil || unpinned != 0 {
		t.Errorf("%d functions pin no search_path, %v", unpinned, err)
	}
}

// What a demo of before has made is recognised, and left as it is.
func TestTheTableOfBefore(t *testing.T) {
	t.Parallel()
	db := pgtest.Pool(t)
	do(t, db, "create schema shop")
	do(t, db, "comment on schema shop is 'Orders of orderbell demo; may be dropped.'")
	do(t, db, "create table shop.orders (order_no text primary key, merchant text not null, cents bigint not null, created_at timestamptz not null default clock_timestamp())")
	sell(t, db, "o-1", 1)
	ctx := context.WithoutCancel(t.Context())
	if err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error { return makeBusiness(ctx, tx) }); err != nil {
		t.Fatal(err)
	}
	sell(t, db, "o-2", 1)
}
