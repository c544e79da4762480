package postgres_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/postgres"
)

// instant is how explanations write one.
const instant = `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`

// Why a notification is where it is, in one sentence, in every situation.
func TestExplanations(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		place func(h *house) outbox.ID
		want  string // a pattern
	}{
		"just written": {
			place: func(h *house) outbox.ID { return h.enqueue("A1") },
			want:  `attempt 1 is due since INSTANT and waits for a worker, gives up at INSTANT`,
		},
		"delayed": {
			place: func(h *house) outbox.ID {
				return one[outbox.ID](h.t, h.pool, "select orderbell.enqueue('m-1', 'e', 'A1', '', deliver_after => '1 h')")
			},
			want: `attempt 1 comes at INSTANT, gives up at INSTANT`,
		},
		"on a rung": {
			place: func(h *house) outbox.ID { return h.tried("A1", outbox.OutcomeTimeout) },
			want:  `attempt 1: because of timeout; waiting on rung 1 of 9, next attempt at INSTANT, gives up at INSTANT`,
		},
		"due again": {
			place: func(h *house) outbox.ID {
				id := h.tried("A1", outbox.OutcomeTimeout)
				h.move(id, "next_attempt_at = now()")
				return id
			},
			want: `attempt 1: because of timeout; attempt 2 is due since INSTANT and waits for a worker, gives up at INSTANT`,
		},
		"in flight": {
			place: func(h *house) outbox.ID { return h.claimed("A1").ID },
			want:  `attempt 1 is being made by worker w-1/[0-9a-f]{4}, whose lease lasts until INSTANT`,
		},
		"in flight again": {
			place: func(h *house) outbox.ID {
				id := h.tried("A1", outbox.OutcomeUnreachable)
				h.move(id, "next_attempt_at = now()")
				h.claim(h.db, 1)
				return id
			},
			want: `attempt 1: because of unreachable; attempt 2 is being made by worker w-1/[0-9a-f]{4}, whose lease lasts until INSTANT`,
		},
		"in flight and its worker died": {
			place: func(h *house) outbox.ID {
				id := h.claimed("A1").ID
				h.lapse(id)
				return id
			},
			want: `attempt 1 is being made by worker w-1/[0-9a-f]{4}, whose lease ended at INSTANT`,
		},
		"in flight and cancelled": {
			place: func(h *house) outbox.ID {
				id := h.claimed("A1").ID
				h.cancel("A1")
				return id
			},
			want: `attempt 1 is being made by worker w-1/[0-9a-f]{4}, whose lease lasts until INSTANT; then it ends cancelled, unless it was acknowledged`,
		},
		"in flight and acknowledged already": {
			place: func(h *house) outbox.ID {
				first := h.claimed("A1")
				h.lapse(first.ID)
				h.settle(result(first, outbox.OutcomeUnknown))
				h.claim(h.db, 1)
				h.settle(result(first, outbox.OutcomeAcknowledged))
				return first.ID
			},
			want: `attempt 1: because of unknown; attempt 2 is being made by worker w-1/[0-9a-f]{4}, whose lease lasts until INSTANT; an earlier attempt was acknowledged meanwhile, and it ends with this one`,
		},
		"held": {
			place: func(h *house) outbox.ID {
				id := h.enqueue("A1")
				h.move(id, "state = 'held', next_attempt_at = 'infinity'")
				return id
			},
			want: `held since INSTANT, until orderbell.release is called`,
		},
		"acknowledged": {
			place: func(h *house) outbox.ID { return h.tried("A1", outbox.OutcomeAcknowledged) },
			want:  `acknowledged at INSTANT on attempt 1`,
		},
		"acknowledged late": {
			place: func(h *house) outbox.ID {
				claim := h.claimed("A1")
				h.lapse(claim.ID)
				h.settle(result(claim, outbox.OutcomeUnknown))
				h.settle(result(claim, outbox.OutcomeAcknowledged))
				return claim.ID
			},
			want: `acknowledged at INSTANT on attempt 1 \(late, by attempt 1\)`,
		},
		"exhausted": {
			place: func(h *house) outbox.ID {
				claim := h.claimed("A1")
				claim.Rung = 2
				h.settle(result(claim, outbox.OutcomeAnswered))
				return claim.ID
			},
			want: `gave up at INSTANT, the ladder is spent; attempt 1: answered: because of answered`,
		},
		"rejected": {
			place: func(h *house) outbox.ID { return h.tried("A1", outbox.OutcomeRejected) },
			want:  `rejected at INSTANT: attempt 1: rejected: because of rejected`,
		},
		"malformed": {
			place: func(h *house) outbox.ID {
				return one[outbox.ID](h.t, h.pool, "select orderbell.enqueue('m-1', 'e', 'A1', '', url => 'x')")
			},
			want: `rejected at INSTANT: url does not begin with http:// or https://`,
		},
		"cancelled": {
			place: func(h *house) outbox.ID {
				id := h.enqueue("A1")
				h.cancel("A1")
				return id
			},
			want: `cancelled at INSTANT: cancelled by \w+`,
		},
		"superseded": {
			place: func(h *house) outbox.ID {
				id := h.enqueue("A1")
				h.place(id, situation{state: outbox.Superseded})
				return id
			},
			want: `superseded at INSTANT: placed`,
		},
		"lost": {
			place: func(h *house) outbox.ID {
				id := h.enqueue("A1")
				h.exec("delete from orderbell.delivery")
				return id
			},
			want: `has neither a delivery nor an ending: .*`,
		},
		"parked for its policy": {
			place: func(h *house) outbox.ID {
				id := h.tried("A1", outbox.OutcomeTimeout)
				h.exec("update orderbell.policy set fault = 'unknown name statsu' where name = 'standard'")
				return id
			},
			want: `attempt 1: because of timeout; parked because policy standard: unknown name statsu; no rung is spent, and it goes on by itself once that is mended`,
		},
		"parked for a policy of its own": {
			place: func(h *house) outbox.ID {
				h.exec("update orderbell.policy set fault = 'unknown name statsu' where name = 'quick'")
				return one[outbox.ID](h.t, h.pool, "select orderbell.enqueue('m-1', 'e', 'A1', '', policy => 'quick')")
			},
			want: `parked because policy quick: unknown name statsu; .*`,
		},
		"parked for want of its endpoint": {
			place: func(h *house) outbox.ID {
				id := h.enqueue("A1")
				h.exec("delete from orderbell.endpoint")
				return id
			},
			want: `parked because endpoint m-1 does not exist; .*`,
		},
		"parked for want of its policy": {
			place: func(h *house) outbox.ID {
				h.exec("insert into orderbell.policy (name, ladder, acknowledge) values ('ours', '{1s}', 'true')")
				id := one[outbox.ID](h.t, h.pool, "select orderbell.enqueue('m-1', 'e', 'A1', '', policy => 'ours')")
				h.exec("delete from orderbell.policy where name = 'ours'")
				return id
			},
			want: `parked because policy ours does not exist; .*`,
		},
		"parked and paused": {
			place: func(h *house) outbox.ID {
				h.exec("update orderbell.policy set fault = 'unknown name statsu' where name = 'standard'")
				h.exec("select orderbell.pause('m-1', 'they move')")
				return h.enqueue("A1")
			},
			want: `parked because policy standard: unknown name statsu; no rung is spent, and it goes on by itself once that is mended and orderbell.resume is called: paused since INSTANT because they move`,
		},
		"paused": {
			place: func(h *house) outbox.ID {
				id := h.tried("A1", outbox.OutcomeTimeout)
				h.move(id, "next_attempt_at = now()")
				h.exec("select orderbell.pause('m-1', 'they move')")
				return id
			},
			want: `attempt 1: because of timeout; paused since INSTANT because they move: attempt 2 is due since INSTANT; no rung is spent, it goes on when orderbell.resume is called`,
		},
		"paused without a reason, behind an open breaker": {
			place: func(h *house) outbox.ID {
				h.breaks(h.db, outbox.Breaking{Endpoint: "m-1", Open: true, Reason: "refused"})
				h.exec("select orderbell.pause('m-1')")
				return h.enqueue("A1")
			},
			want: `paused since INSTANT: attempt 1 is due since INSTANT; no rung is spent, it goes on when orderbell.resume is called`,
		},
		"paused, on a rung": {
			place: func(h *house) outbox.ID {
				id := h.tried("A1", outbox.OutcomeTimeout)
				h.exec("select orderbell.pause('m-1', 'they move')")
				return id
			},
			want: `attempt 1: because of timeout; waiting on rung 1 of 9, next attempt at INSTANT; paused since INSTANT because they move: then it is kept until orderbell.resume is called`,
		},
		"paused, in flight": {
			place: func(h *house) outbox.ID {
				id := h.claimed("A1").ID
				h.exec("select orderbell.pause('m-1', 'they move')")
				return id
			},
			want: `attempt 1 is being made by worker w-1/[0-9a-f]{4}, whose lease lasts until INSTANT`,
		},
		"behind an open breaker": {
			place: func(h *house) outbox.ID {
				id := h.tried("A1", outbox.OutcomeUnreachable)
				h.move(id, "next_attempt_at = now()")
				h.breaks(h.db, outbox.Breaking{Endpoint: "m-1", Open: true, Reason: "5 attempts in a row failed: connection refused"})
				return id
			},
			want: `attempt 1: because of unreachable; attempt 2 is due since INSTANT, and waits: the endpoint's breaker is open since INSTANT \(5 attempts in a row failed: connection refused\), next probe at INSTANT; no rung is spent`,
		},
		"behind a breaker that is being probed": {
			place: func(h *house) outbox.ID {
				h.breaks(h.db, outbox.Breaking{Endpoint: "m-1", Open: true, Reason: "refused"})
				h.exec("update orderbell.breaker set probe_at = now()")
				h.probes(h.db)
				return h.enqueue("A1")
			},
			want: `attempt 1 is due since INSTANT, and waits: the endpoint's breaker is open since INSTANT \(refused\), a probe is being sent; no rung is spent`,
		},
		"on a rung, its endpoint's breaker open": {
			place: func(h *house) outbox.ID {
				h.breaks(h.db, outbox.Breaking{Endpoint: "m-1", Open: true, Reason: "refused"})
				return h.tried("A1", outbox.OutcomeTimeout)
			},
			want: `attempt 1: because of timeout; waiting on rung 1 of 9, next attempt at INSTANT, gives up at INSTANT`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			id := test.place(h)
			conn := pinned(t, h.url, "reads") // in UTC
			got := one[string](t, conn, "select explanation from orderbell.notification_status where id = $1", id)
			pattern := "^" + regexp.MustCompile("INSTANT").ReplaceAllLiteralString(test.want, instant) + "$"
			if !regexp.MustCompile(pattern).MatchString(got) {
				t.Errorf("explanation:\n  %s\nwant\n  %s", got, test.want)
			}
		})
	}
}

// tried makes one attempt of a new row.
func (h *house) tried(orderNo string, outcome outbox.Outcome) outbox.ID {
	h.t.Helper()
	claim := h.claimed(orderNo)
	h.settle(result(claim, outcome))
	return claim.ID
}

// When the last attempt comes, if all that is left of the ladder is climbed.
func TestGivesUpAt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("insert into orderbell.policy (name, ladder, acknowledge) values ('ours', '{10s,20s,30s}', 'true'), ('once', '{}', 'true')")
	for _, test := range []struct {
		policy, set string
		want        time.Duration // after next_attempt_at
	}{
		{"ours", "rung = 0", time.Minute},
		{"ours", "rung = 1", 50 * time.Second},
		{"ours", "rung = 3", 0},
		{"ours", "rung = 9", 0}, // the ladder was cut meanwhile
		{"once", "rung = 0", 0},
	} {
		id := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-1', 'e', 'A1', '', policy => $1)", test.policy)
		h.move(id, test.set)
		got := one[time.Duration](t, h.pool, "select gives_up_at - next_attempt_at from orderbell.notification_status where id = $1", id)
		if got != test.want {
			t.Errorf("%s, %s: it gives up %s after its next attempt, want %s", test.policy, test.set, got, test.want)
		}
	}
	id := h.enqueue("A2")
	h.exec("select orderbell.pause('m-1')")
	if got := one[*time.Time](t, h.pool, "select gives_up_at from orderbell.notification_status where id = $1", id); got != nil {
		t.Errorf("paused, it gives up at %s, want null", got)
	}
	h.exec("select orderbell.resume('m-1')")
	for _, change := range []string{
		"update orderbell.delivery set state = 'held', next_attempt_at = 'infinity' where notification_id = $1",
		"update orderbell.delivery set state = 'pending', next_attempt_at = now(), policy = 'nothing' where notification_id = $1",
		"delete from orderbell.delivery where notification_id = $1",
	} {
		h.exec(change, id)
		if got := one[*time.Time](t, h.pool, "select gives_up_at from orderbell.notification_status where id = $1", id); got != nil {
			t.Errorf("after %s it gives up at %s, want null", change, got)
		}
	}
}

func TestBacklog(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	backlog := func() postgres.Backlog {
		t.Helper()
		b, err := h.db.Backlog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if diff := cmp.Diff(postgres.Backlog{}, backlog()); diff != "" {
		t.Errorf("empty (-want +got):\n%s", diff)
	}
	h.tried("done", outbox.OutcomeAcknowledged)
	h.claimed("flying")
	h.lapse(h.claimed("lapsed").ID)
	h.enqueue("due")
	h.move(h.enqueue("overdue"), "next_attempt_at = now() - interval '1 h'")
	for range 3 {
		h.move(h.enqueue("waiting"), "next_attempt_at = now() + interval '1 h'")
	}
	h.move(h.enqueue("held"), "state = 'held', next_attempt_at = 'infinity'")
	for _, set := range []string{"next_attempt_at = now() - interval '2 h'", "next_attempt_at = now() + interval '2 h'", "state = 'in_flight', attempt_count = 1, claimed_by = 'w', leased_until = now()"} {
		h.move(one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-1', 'e', 'parked', '', policy => 'quick')"), set)
	}
	h.exec("update orderbell.policy set fault = 'it does not compile' where name = 'quick'")
	// Of an endpoint that is paused and one that does not answer: due, waiting, parked.
	h.exec("insert into orderbell.endpoint (id, url) values ('paused', 'http://shop.example'), ('ill', 'http://shop.example')")
	for endpoint, due := range map[string]int{"paused": 4, "ill": 5} {
		h.exec("select orderbell.enqueue($1, 'e', 'A', '') from generate_series(1, $2)", endpoint, due)
		h.exec("update orderbell.delivery set next_attempt_at = now() - interval '3 h' where endpoint = $1", endpoint)
		h.exec("select orderbell.enqueue($1, 'e', 'A', '', deliver_after => '1 h')", endpoint)
		h.exec("select orderbell.enqueue($1, 'e', 'A', '', policy => 'quick')", endpoint)
		h.breaks(h.db, outbox.Breaking{Endpoint: endpoint, Open: true, Reason: "refused"})
	}
	h.exec("select orderbell.pause('paused')")
	got := backlog()
	if got.OldestOverdueSeconds < 3600 || got.OldestOverdueSeconds > 3660 {
		t.Errorf("the oldest is overdue for %.0f s, want 3600", got.OldestOverdueSeconds)
	}
	got.OldestOverdueSeconds = 0
	want := postgres.Backlog{DueNow: 2, InFlight: 3, Waiting: 5, Held: 1, Parked: 4, Paused: 4, BehindBreaker: 5}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("backlog (-want +got):\n%s", diff)
	}
}
