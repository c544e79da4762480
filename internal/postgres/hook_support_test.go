package postgres_test

import (
	"strings"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/postgres"
)

// hook makes a function with this body, and registers it. It may write to public.called.
func (h *house) hook(name, body string) {
	h.t.Helper()
	h.exec("create table if not exists public.called (hook text, order_no text, answer text, id bigserial)")
	language := "plpgsql"
	if strings.HasPrefix(body, "select") || strings.HasPrefix(body, "insert") {
		language = "sql"
	}
	h.exec("create or replace function public." + name + "(order_no text, answer text) returns void language " + language + " as $$ " + body + " $$")
	h.exec("insert into orderbell.hook values ($1, ('public.' || $1 || '(text, text)')::regprocedure) on conflict do nothing", name)
}

// notes registers a hook that writes down what it was called with.
func (h *house) notes(name string) {
	h.t.Helper()
	h.hook(name, "insert into public.called values ('"+name+"', order_no, answer)")
}

// called is what hooks have written down, and what was committed.
func (h *house) called() []string {
	h.t.Helper()
	return all[string](h.t, h.pool, "select hook || ' ' || order_no || coalesce(' ' || answer, '') from public.called order by id")
}

// hooked enqueues a row with these hooks and claims it.
func (h *house) hooked(acknowledged, exhausted string) *outbox.Claim {
	h.t.Helper()
	id := one[outbox.ID](h.t, h.pool, `select orderbell.enqueue('m-1', 'e', 'A1', '{}',
		on_acknowledged => nullif($1, ''), on_exhausted => nullif($2, ''))`, acknowledged, exhausted)
	claims := h.claim(h.db, 9)
	if len(claims) != 1 || claims[0].ID != id || !claims[0].Alone {
		h.t.Fatalf("claimed %+v", claims)
	}
	claims[0].Policy = hookPolicy()
	return claims[0]
}

// hookPolicy is the policy of such rows: short, since some hooks take too long.
func hookPolicy() *outbox.Policy {
	return &outbox.Policy{Name: "standard", Ladder: outbox.Ladder{15 * time.Second, 3 * time.Minute}, Timeout: time.Second}
}

// came is a settlement of a claim with this outcome, and an answer.
func came(claim *outbox.Claim, outcome outbox.Outcome) *outbox.Settlement {
	s := result(claim, outcome)
	if outcome == outbox.OutcomeAcknowledged {
		s.Result.Answer = "yes"
	}
	return s
}

// last is the settlement of the attempt that ends the ladder.
func last(claim *outbox.Claim) *outbox.Settlement {
	claim.Rung = 2
	return came(claim, outbox.OutcomeTimeout)
}

// alone settles one row, which it expects to move.
func (h *house) alone(s *outbox.Settlement) outbox.Settled {
	h.t.Helper()
	went, held, err := h.db.SettleAlone(h.t.Context(), s)
	if err != nil || held {
		h.t.Fatalf("held is %t, %v", held, err)
	}
	return went
}

// callOwed calls the hook of a row again, as if it were due.
func (h *house) callOwed(id outbox.ID) outbox.Settled {
	h.t.Helper()
	return h.callOwedBy(h.db, id)
}

func (h *house) callOwedBy(db *postgres.DB, id outbox.ID) outbox.Settled {
	h.t.Helper()
	h.move(id, "next_attempt_at = now()")
	went, err := db.CallOwed(h.t.Context(), outbox.Owed{ID: id}, hookPolicy())
	if err != nil {
		h.t.Fatal(err)
	}
	return went
}

// triedAgainIn fails the test unless a row is due in about this time.
func (h *house) triedAgainIn(id outbox.ID, want time.Duration) {
	h.t.Helper()
	if in := h.dueIn(id); in > want || in < want-10*time.Second {
		h.t.Errorf("it is tried again in %v, want %v", in, want)
	}
}
