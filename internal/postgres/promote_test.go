package postgres_test

import (
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// endings are all that ends the head of a sequence, by what is done to it when it is due.
func endings() map[string]func(h *house, id outbox.ID) {
	settles := func(outcome outbox.Outcome, rung int) func(*house, outbox.ID) {
		return func(h *house, _ outbox.ID) {
			claim := h.claim(h.db, 1)[0]
			claim.Rung = rung
			h.settle(result(claim, outcome))
		}
	}
	return map[string]func(h *house, id outbox.ID){
		"acknowledged": settles(outbox.OutcomeAcknowledged, 0),
		"exhausted":    settles(outbox.OutcomeTimeout, 2),
		"rejected":     settles(outbox.OutcomeRejected, 0),
		"cancelled":    func(h *house, _ outbox.ID) { h.cancel("head") },
		"cancelled in flight": func(h *house, _ outbox.ID) {
			claim := h.claim(h.db, 1)[0]
			h.cancel("head")
			h.settle(result(claim, outbox.OutcomeTimeout))
		},
		"superseded": func(h *house, _ outbox.ID) {
			h.exec("select orderbell.enqueue('m-1', 'e', 'head', '{}', supersede => true)")
		},
		"acknowledged late": func(h *house, id outbox.ID) {
			claim := h.claim(h.db, 1)[0]
			h.lapse(id)
			h.settle(result(claim, outbox.OutcomeUnknown))
			h.move(id, "next_attempt_at = now() + interval '1 h'")
			h.settle(result(claim, outbox.OutcomeAcknowledged))
		},
		"unknown at the end of its ladder": func(h *house, id outbox.ID) {
			claim := h.claim(h.db, 1)[0]
			claim.Rung, claim.Unknowns = 2, 9 // spends rungs, and there is none left
			h.lapse(id)
			h.settle(result(claim, outbox.OutcomeUnknown))
		},
		"held, and cancelled": func(h *house, id outbox.ID) {
			h.move(id, "state = 'held', next_attempt_at = 'infinity'")
			h.cancel("head")
		},
		"owing a hook, and cancelled": func(h *house, id outbox.ID) {
			h.owes(id)
			h.cancel("head")
		},
		"owing a hook that works at last": func(h *house, id outbox.ID) {
			h.owes(id)
			h.exec("update orderbell.delivery set next_attempt_at = now() where notification_id = $1", id)
			if _, err := h.db.CallOwed(h.t.Context(), outbox.Owed{ID: id}, nil); err != nil {
				h.t.Fatal(err)
			}
		},
	}
}

// owes makes a row owe a hook, which works when it is called again.
func (h *house) owes(id outbox.ID) {
	h.t.Helper()
	h.exec("create function public.works(order_no text, answer text) returns void language sql as $$ select $$")
	h.exec("insert into orderbell.hook values ('works', 'public.works(text, text)')")
	h.exec("insert into orderbell.owed (notification_id, state, reason, hook, tries, fault) values ($1, 'exhausted', 'no answer', 'works', 1, 'it failed')", id)
	h.move(id, "owes = true, alone = true, attempt_count = 1, next_attempt_at = now() + interval '1 h'")
}

// newer are the orders of what an ending writes itself.
var newer = map[string][]string{"superseded": {"head"}}

// However the head ends, its turn goes to the next one at once, wherever that was put.
func TestTheNextOneGoes(t *testing.T) {
	t.Parallel()
	for name, end := range endings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			head, second, third := h.next("k", "head"), h.next("k", "second"), h.next("k", "third")
			h.park(second)
			h.park(third)
			end(h, head)
			if state := outbox.State(h.standing(head).State); !state.Finished() {
				t.Fatalf("the head is %s", state)
			}
			h.promoted(second)
			if in := h.dueIn(third); in < 40*time.Second {
				t.Errorf("the third one is due in %v", in)
			}
			h.onlyClaims(h.db, append(newer[name], "second")...)
		})
	}
}

// Until the head has ended nothing else goes.
func TestTheNextOneWaits(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(h *house, head outbox.ID){
		"due":              func(*house, outbox.ID) {},
		"held":             func(h *house, head outbox.ID) { h.move(head, "state = 'held', next_attempt_at = 'infinity'") },
		"in flight":        func(h *house, _ outbox.ID) { h.claim(h.db, 1) },
		"on a rung":        func(h *house, _ outbox.ID) { h.settle(result(h.claim(h.db, 1)[0], outbox.OutcomeTimeout)) },
		"handed back":      func(h *house, _ outbox.ID) { h.settle(result(h.claim(h.db, 1)[0], outbox.OutcomeInterrupted)) },
		"to be cancelled":  func(h *house, _ outbox.ID) { h.claim(h.db, 1); h.cancel("head") },
		"owing a hook":     func(h *house, head outbox.ID) { h.owes(head) },
		"of a lost worker": func(h *house, head outbox.ID) { h.claim(h.db, 1); h.lapse(head) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			head := h.next("k", "head")
			h.next("k", "second")
			do(h, head)
			for _, claim := range h.claim(h.db, 9) {
				if claim.ID != head {
					t.Errorf("claimed %s", outbox.FormatID(claim.ID))
				}
			}
		})
	}
}

// The next one of a sequence goes at once, whatever else is settled with its head.
func TestTheNextOneGoesBesideRowsThatWait(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.next("k", "head")
	second := h.next("k", "second")
	h.park(second)
	h.enqueue("other")
	claims := h.onlyClaims(h.db, "head", "other")
	batch := make([]*outbox.Settlement, len(claims))
	for i, claim := range claims {
		outcome := outbox.OutcomeAcknowledged
		if h.orderNumbers(claims[i : i+1])[0] == "other" {
			outcome = outbox.OutcomeTimeout
		}
		batch[i] = result(claim, outcome)
	}
	h.settle(batch...)
	h.promoted(second)
}

// Whoever sleeps hears of a promotion.
func TestPromotionRings(t *testing.T) {
	t.Parallel()
	all := endings()
	delete(all, "acknowledged late") // rings twice: an attempt that is unknown does so as well
	for name, end := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			head, second := h.next("k", "head"), h.next("k", "second")
			h.park(second)
			e := h.bell(t)
			e.asleep(t)
			e.rings(t, func() { end(h, head) })
		})
	}
}
