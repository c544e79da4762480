package main_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// newHookedShop has functions that can be hooks, and some that cannot.
func newHookedShop(t *testing.T) *shop {
	t.Helper()
	s := newShop(t)
	s.exec("create schema shop")
	for _, name := range []string{"settle", "reopen", `"Close it"`} {
		s.exec("create function shop." + name + "(order_no text, answer text) returns void language sql as ''")
	}
	s.exec("create function shop.judge(order_no text, answer text) returns boolean return true")
	s.exec("create function shop.settle_one(order_no text) returns void language sql as ''")
	return s
}

const hooks = "select coalesce(string_agg(name || ' ' || function, ', ' order by name), 'none') from orderbell.hook"

func TestHookAdd(t *testing.T) {
	t.Parallel()
	s := newHookedShop(t)
	for _, step := range []struct{ name, function, says, stored string }{
		{"paid", "shop.settle", "added hook paid: shop.settle\n", "paid shop.settle(text,text)"},
		{"paid", "shop.reopen", "changed hook paid: shop.reopen\n", "paid shop.reopen(text,text)"},
		{"paid", "SHOP.Reopen", "changed hook paid: SHOP.Reopen\n", "paid shop.reopen(text,text)"},
		{"close", `shop."Close it"`, `added hook close: shop."Close it"` + "\n", `close shop."Close it"(text,text), paid shop.reopen(text,text)`},
	} {
		run(t, s.env(), "hook", "add", step.name, step.function).wants(t, 0, step.says, "")
		if stored := s.get(hooks); stored != step.stored {
			t.Errorf("%s %s: stored are %s, want %s", step.name, step.function, stored, step.stored)
		}
	}
}

func TestHookAddRefuses(t *testing.T) {
	t.Parallel()
	s := newHookedShop(t)
	for _, test := range []struct {
		name, function string
		status         int
		says           string
	}{
		{"paid", "shop.nothing", 1, `orderbell: function "shop.nothing(text,text)" does not exist` + "\n"},
		{"paid", "nowhere.settle", 1, `orderbell: schema "nowhere" does not exist` + "\n"},
		{"paid", "shop.settle_one", 1, `orderbell: function "shop.settle_one(text,text)" does not exist` + "\n"},
		{"paid", "shop.judge", 1, "orderbell: hook paid: shop.judge(text,text) is no function (text, text) returns void\n"},
		{"so paid", "shop.settle", 1, `violates check constraint "hook_name_check"`},
		{"", "shop.settle", 1, `violates check constraint "hook_name_check"`},
		{"paid", "settle", 2, "settle is no SCHEMA.FUNCTION; its arguments are always (text, text), and are not named\n"},
		{"paid", "shop.settle(text, text)", 2, "shop.settle(text, text) is no SCHEMA.FUNCTION"},
		{"paid", "", 2, "is no SCHEMA.FUNCTION"},
	} {
		t.Run(test.name+" "+test.function, func(t *testing.T) {
			got := run(t, s.env(), "hook", "add", test.name, test.function)
			got.wants(t, test.status, "", test.says)
			got.oneLine(t)
		})
	}
	if stored := s.get(hooks); stored != "none" {
		t.Errorf("stored are %s", stored)
	}
}

// A right that the business must give is not looked for in our roles.
func TestHookAddNeedsTheFunction(t *testing.T) {
	t.Parallel()
	s := newHookedShop(t)
	user := newUser(t)
	s.exec("grant orderbell_operator to " + user.name)
	env := s.env("ORDERBELL_DATABASE_URL=" + user.url(t, s.url))
	run(t, env, "hook", "add", "paid", "shop.settle").wants(t, 1, "", "orderbell: permission denied for schema shop\n")
	s.exec("grant usage on schema shop to " + user.name)
	s.exec("revoke execute on function shop.settle from public")
	run(t, env, "hook", "add", "paid", "shop.settle").wants(t, 1, "", "orderbell: hook paid: "+user.name+" may not execute shop.settle(text,text)\n")
	s.exec("grant execute on function shop.settle to " + user.name)
	run(t, env, "hook", "add", "paid", "shop.settle").wants(t, 0, "added hook paid: shop.settle\n", "")
}

func TestHookList(t *testing.T) {
	t.Parallel()
	s := newHookedShop(t)
	if diff := cmp.Diff(map[string]any{"hooks": []any{}}, object(t, run(t, s.env(), "hook", "list", "--json"))); diff != "" {
		t.Errorf("the empty object differs:\n%s", diff)
	}
	s.exec("insert into orderbell.hook values ('paid', 'shop.settle(text,text)'), ('close', 'shop.\"Close it\"(text,text)'), ('gone', 'shop.reopen(text,text)')")
	s.exec("drop function shop.reopen")
	s.exec("drop function shop.settle")
	s.exec("create function shop.settle(order_no text, answer text) returns void language sql as ''") // another one
	s.exec("insert into orderbell.hook values ('settled', 'shop.settle(text,text)')")
	run(t, s.env(), "hook", "list").wants(t, 0, `name     function         fault
close    shop."Close it"  none
gone     dropped          its function does not exist any more
paid     dropped          its function does not exist any more
settled  shop.settle      none
`, "")
	const dropped = "its function does not exist any more"
	want := map[string]any{"hooks": []any{
		map[string]any{"name": "close", "function": `shop."Close it"`},
		map[string]any{"name": "gone", "function": "", "fault": dropped},
		map[string]any{"name": "paid", "function": "", "fault": dropped},
		map[string]any{"name": "settled", "function": "shop.settle"},
	}}
	if diff := cmp.Diff(want, object(t, run(t, s.env(), "hook", "list", "--json"))); diff != "" {
		t.Errorf("the object differs:\n%s", diff)
	}
}

func TestHookRemove(t *testing.T) {
	t.Parallel()
	s := newHookedShop(t)
	refused := func(name, says string) {
		t.Helper()
		got := run(t, s.env(), "hook", "remove", name)
		got.wants(t, 1, "", says)
		got.oneLine(t)
	}
	refused("paid", "orderbell: unknown hook paid; there is none\n")
	s.exec("insert into orderbell.hook values ('paid', 'shop.settle(text,text)'), ('close', 'shop.reopen(text,text)')")
	refused("piad", "orderbell: unknown hook piad; there are: close, paid\n")

	s.endpoint("m-1", "https://shop.example")
	s.exec(`insert into orderbell.notification (endpoint, event, order_no, body, on_acknowledged)
		select 'm-1', 'e', 'o-' || n, '{}', 'paid' from generate_series(1, 2) n`)
	s.exec("update orderbell.delivery set owes = true")
	s.exec("insert into orderbell.owed (notification_id, state, hook) select notification_id, 'acknowledged', 'paid' from orderbell.delivery")
	refused("paid", "orderbell: hook paid is kept: 2 notifications have come to their end and wait for it; cancel them, or give it a function that works, with: orderbell hook add\n")
	s.exec("select orderbell.cancel('m-1', 'o-1')")
	refused("paid", "orderbell: hook paid is kept: 1 notification has come to its end and waits for it; ")
	run(t, s.env(), "hook", "remove", "close").wants(t, 0, "removed hook close\n", "")
	s.exec("select orderbell.cancel('m-1', 'o-2')")
	run(t, s.env(), "hook", "remove", "paid").wants(t, 0, "removed hook paid\n", "")
	if stored := s.get(hooks); stored != "none" {
		t.Errorf("stored are %s", stored)
	}
}
