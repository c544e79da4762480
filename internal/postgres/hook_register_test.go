package postgres_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbell/orderbell/internal/outbox"
)

// What is gone meanwhile is a failure like any other: put back, it works.
func TestAHookThatIsGone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ gone, says, back string }{
		"from the register": {"delete from orderbell.hook", "there is no hook of this name any more", "insert into orderbell.hook values ('ship', 'public.ship(text, text)')"},
		"its function": {
			"drop function public.ship", "its function does not exist any more",
			"update orderbell.hook set function = 'public.alarm(text, text)' where name = 'ship'",
		},
		"made anew": {
			"alter function public.ship rename to sent", "", "alter function public.sent rename to ship",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.notes("ship")
			h.notes("alarm")
			claim := h.hooked("ship", "")
			if test.gone != "" {
				h.exec(test.gone)
			}
			went := h.alone(came(claim, outbox.OutcomeAcknowledged))
			if test.says == "" {
				if went.State != outbox.Acknowledged || len(h.called()) != 1 {
					t.Errorf("it went %+v", went)
				}
				return
			}
			h.explains(claim.ID, "hook ship has failed 1 times: "+test.says)
			h.exec(test.back)
			if went := h.callOwed(claim.ID); went.State != outbox.Acknowledged || len(h.called()) != 1 {
				t.Errorf("at last it went %+v", went)
			}
		})
	}
}

// Only functions of the right kind, that whoever registers them may call, are taken.
func TestWhatMayBeAHook(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, create := range map[string]string{
		"good":      "create function public.good(text, text) returns void language sql as 'select'",
		"number":    "create function public.number(text, text) returns int language sql as 'select 1'",
		"one_text":  "create function public.one_text(text) returns void language sql as 'select'",
		"three":     "create function public.three(text, text, text) returns void language sql as 'select'",
		"json_arg":  "create function public.json_arg(text, jsonb) returns void language sql as 'select'",
		"proc":      "create procedure public.proc(text, text) language sql as 'select'",
		"many":      "create function public.many(text, text) returns setof void language sql as 'select'",
		"is_strict": "create function public.is_strict(text, text) returns void strict language sql as 'select'",
		"variadics": "create function public.variadics(text, variadic text[]) returns void language sql as 'select'",
		"shut":      "create function public.shut(text, text) returns void language sql as 'select'; revoke all on function public.shut from public",
	} {
		h.exec(create)
		argument := one[string](t, h.pool, "select ($1::text::regproc)::oid::regprocedure::text", "public."+name)
		tx := h.begin()
		if _, err := tx.Exec(t.Context(), "set local role orderbell_operator"); err != nil {
			t.Fatal(err)
		}
		_, err := tx.Exec(t.Context(), "insert into orderbell.hook values ('h', $1::text::regprocedure)", argument)
		if (err == nil) != (name == "good") {
			t.Errorf("%s: %v", name, err)
		}
		var refused *pgconn.PgError
		if err != nil && (!errors.As(err, &refused) || refused.Code != "23514" && refused.Code != "42501") {
			t.Errorf("%s: %v", name, err)
		}
		_ = tx.Rollback(t.Context())
	}
	for _, name := range []string{"", "a b", "-x", "ä"} {
		if _, err := h.pool.Exec(t.Context(), "insert into orderbell.hook values ($1, 'public.good(text, text)')", name); !isCheck(t, err) {
			t.Errorf("the name %q is taken", name)
		}
	}
}
