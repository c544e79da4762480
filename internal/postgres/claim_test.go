package postgres_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

func TestClaim(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.enqueue("A1")
	before := one[time.Time](t, h.pool, "select clock_timestamp()")
	claims := h.claim(h.db, 5)
	want := []*outbox.Claim{{ID: id, Attempt: 1, Endpoint: "m-1", Due: h.due(id)}}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	var state, worker string
	var until time.Time
	if err := h.pool.QueryRow(t.Context(), "select state, claimed_by, leased_until from orderbell.delivery").Scan(&state, &worker, &until); err != nil {
		t.Fatal(err)
	}
	if state != "in_flight" || !strings.HasPrefix(worker, "w-1/") || until.Before(before.Add(postgres.Lease)) || until.After(before.Add(postgres.Lease+10*time.Second)) {
		t.Errorf("the row is %s, of %s, leased until %s (claimed at %s)", state, worker, until, before)
	}
	if again := h.claim(h.db, 5); len(again) != 0 {
		t.Errorf("it claims a row in flight again: %v", again)
	}
}

func TestClaimTakesFromEachLane(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("insert into orderbell.endpoint (id, url) select 'm-' || n, 'http://shop.example/' from generate_series(2, 4) n")
	for i := range 20 {
		h.exec("select orderbell.enqueue($1, 'e', $2, '{}')", fmt.Sprintf("m-%d", i%4+1), fmt.Sprint(i))
	}
	claims, err := h.db.Claim(t.Context(), []outbox.Lane{
		{Endpoint: "m-1", Take: 2, Sendable: true},
		{Endpoint: "m-2", Take: 100, Sendable: true},
		{Endpoint: "m-3", Take: 0, Sendable: true},
		{Endpoint: "nobody", Take: 3, Sendable: true},
	}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, c := range claims {
		got[c.Endpoint]++
	}
	if diff := cmp.Diff(map[string]int{"m-1": 2, "m-2": 5}, got); diff != "" {
		t.Errorf("claimed (-want +got):\n%s", diff)
	}
	if claims, err := h.db.Claim(t.Context(), nil, nil, nil); err != nil || len(claims) != 0 {
		t.Errorf("no lanes: %v, %v", claims, err)
	}
}

// Rows that were due before a lane's place are left to the next look that names them.
func TestClaimFromAPlace(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	before, at, after := h.enqueue("A1"), h.enqueue("A2"), h.enqueue("A3")
	lanes := lane(5)
	lanes[0].From = h.due(at)
	claims, err := h.db.Claim(t.Context(), lanes, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := []outbox.ID{}
	for _, claim := range claims {
		got = append(got, claim.ID)
	}
	if diff := cmp.Diff(sorted([]outbox.ID{at, after}), sorted(got)); diff != "" {
		t.Errorf("claimed (-want +got):\n%s", diff)
	}
	if claims := h.claim(h.db, 5); len(claims) != 1 || claims[0].ID != before {
		t.Errorf("without a place, %v are claimed", claims)
	}
}

func TestClaimTakesTheOldestFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var want []outbox.ID
	for i := range 5 {
		id := h.enqueue(fmt.Sprint(i))
		h.move(id, fmt.Sprintf("next_attempt_at = now() - interval '%d min'", i+1))
		want = append(want, id)
	}
	for i := range 5 {
		if got := h.claim(h.db, 1)[0].ID; got != want[4-i] {
			t.Errorf("claim %d took another row than the oldest", i)
		}
	}
}

// A broken policy parks the rows that it rules, and no others.
func TestClaimPassesOverBrokenPolicies(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	own := h.enqueue("own")
	quick := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-1', 'e', 'q', '{}', policy => 'quick')")
	hook := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-1', 'e', 'h', '{}', policy => 'webhook')")
	for _, test := range []struct {
		name     string
		sendable bool
		policies []string
		want     []outbox.ID
	}{
		{name: "nothing works", want: nil},
		{name: "another policy works", policies: []string{"quick", "alipay"}, want: []outbox.ID{quick}},
		{name: "its own works", sendable: true, want: []outbox.ID{own}},
		{name: "all work", sendable: true, policies: []string{"quick", "webhook"}, want: []outbox.ID{own, quick, hook}},
	} {
		claims, err := h.db.Claim(t.Context(), []outbox.Lane{{Endpoint: "m-1", Take: 9, Sendable: test.sendable}}, test.policies, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []outbox.ID
		names := map[string]bool{}
		for _, c := range claims {
			got = append(got, c.ID)
			names[c.PolicyName] = true
		}
		if diff := cmp.Diff(sorted(test.want), sorted(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		if test.name == "all work" && (!names[""] || !names["quick"] || !names["webhook"]) {
			t.Errorf("the claims name the policies %v", names)
		}
		h.exec("update orderbell.delivery set state = 'pending', claimed_by = null, leased_until = null")
	}
}

func TestClaimPassesOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	locked, future := h.enqueue("locked"), h.enqueue("future")
	h.claimedBy("w-0", "flying")
	h.lapse(h.claimedBy("w-0", "over"))
	h.move(future, "next_attempt_at = now() + interval '1 h'")
	h.move(h.enqueue("held"), "state = 'held', next_attempt_at = 'infinity'")
	free := h.enqueue("free")
	tx := h.begin()
	if n := one[int](t, tx, "select orderbell.cancel('m-1', 'locked')"); n != 1 {
		t.Fatalf("cancel says %d", n)
	}
	claims := h.claim(h.db, 9)
	if len(claims) != 1 || claims[0].ID != free {
		t.Errorf("it claimed %v, want only the free one", claims)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if claims := h.claim(h.db, 9); len(claims) != 1 || claims[0].ID != locked {
		t.Errorf("after the rollback it claimed %v", claims)
	}
}

// claimedBy makes a row that another worker has in flight.
func (h *house) claimedBy(worker, orderNo string) outbox.ID {
	h.t.Helper()
	id := h.enqueue(orderNo)
	h.move(id, "state = 'in_flight', attempt_count = 1, leased_until = now() + interval '8 s', claimed_by = '"+worker+"'")
	return id
}

func TestTwoClaimersShare(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const rows = 400
	h.exec("insert into orderbell.notification (endpoint, event, order_no, body) select 'm-1', 'e', n::text, '{}' from generate_series(1, $1::int) n", rows)
	var mu sync.Mutex
	seen := map[outbox.ID]string{}
	var both sync.WaitGroup
	for _, name := range []string{"w-1", "w-2"} {
		db := h.worker(name)
		both.Go(func() {
			for {
				claims, err := db.Claim(t.Context(), lane(7), nil, nil)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				mu.Lock()
				for _, c := range claims {
					if other, twice := seen[c.ID]; twice {
						t.Errorf("%s claimed a row of %s", name, other)
					}
					seen[c.ID] = name
				}
				done := len(seen) == rows || len(claims) == 0
				mu.Unlock()
				if done {
					return
				}
			}
		})
	}
	both.Wait()
	// A claim that came back empty-handed met rows that the other held.
	for _, c := range h.claim(h.db, rows) {
		seen[c.ID] = "w-1"
	}
	if len(seen) != rows {
		t.Errorf("%d of %d rows were claimed", len(seen), rows)
	}
	if n := one[int](t, h.pool, "select count(*) from orderbell.delivery where attempt_count = 1"); n != rows {
		t.Errorf("%d rows have one attempt", n)
	}
}

// What a claim changes is in no index, so that it is a heap-only update even
// where every row of a page is claimed.
func TestClaimsAreHeapOnlyUpdates(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const rows = 4000
	h.exec("insert into orderbell.notification (endpoint, event, order_no, body) select 'm-1', 'e', n::text, '{}' from generate_series(1, $1::int) n", rows)
	db := h.worker("w-2")
	for left := rows; left > 0; {
		claims := h.claim(db, 100)
		if len(claims) == 0 {
			t.Fatalf("%d rows are left and none can be claimed", left)
		}
		left -= len(claims)
	}
	db.Close() // a session that ends hands its statistics in
	pgtest.Eventually(t, 30*time.Second, "the statistics of all claims", func() error {
		var updated, hot int
		err := h.pool.QueryRow(t.Context(), "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relid = 'orderbell.delivery'::regclass").Scan(&updated, &hot)
		if err != nil || updated < rows {
			return fmt.Errorf("%d updates are counted, %w", updated, err)
		}
		if hot != updated {
			t.Fatalf("%d of %d claims were heap-only", hot, updated)
		}
		return nil
	})
}

func TestFill(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rich := one[outbox.ID](t, h.pool, `
		select orderbell.enqueue('m-1', 'trade.success', 'A1', '{"a": 1}', url => 'https://own.example/n?x=1',
			content_type => 'text/plain', headers => '{"X-Shop": "7"}')`)
	plain, lost := h.enqueue("A2"), h.enqueue("A3")
	claims := h.claim(h.db, 9)
	h.exec("delete from orderbell.notification where id = $1", lost)
	gone, err := h.db.Fill(t.Context(), claims)
	if err != nil {
		t.Fatal(err)
	}
	if len(gone) != 1 || gone[0].ID != lost {
		t.Errorf("gone: %v", gone)
	}
	want := map[outbox.ID]*outbox.Claim{
		rich: {
			ID: rich, Attempt: 1, Endpoint: "m-1", Event: "trade.success", OrderNo: "A1", URL: "https://own.example/n?x=1",
			ContentType: "text/plain", Body: `{"a": 1}`, Headers: map[string]string{"X-Shop": "7"},
		},
		plain: {ID: plain, Attempt: 1, Endpoint: "m-1", Event: "trade.success", OrderNo: "A2", Body: "{}"},
		lost:  {ID: lost, Attempt: 1, Endpoint: "m-1"},
	}
	got := map[outbox.ID]*outbox.Claim{}
	for _, c := range claims {
		got[c.ID] = c
		want[c.ID].Due = c.Due
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("filled (-want +got):\n%s", diff)
	}
	if gone, err := h.db.Fill(t.Context(), nil); err != nil || len(gone) != 0 {
		t.Errorf("nothing to fill: %v, %v", gone, err)
	}
}

func TestRenew(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mine, lapsed, again, others, settled, held := h.claimed("mine"), h.claimed("lapsed"), h.claimed("again"), h.claimed("others"), h.claimed("settled"), h.claimed("held")
	h.exec("update orderbell.delivery set leased_until = now() + interval '1 s'")
	h.lapse(lapsed.ID)
	h.move(again.ID, "attempt_count = 2")
	h.move(others.ID, "claimed_by = 'w-2'")
	h.settle(result(settled, outbox.OutcomeTimeout))
	tx := h.begin()
	if n := one[int](t, tx, "select orderbell.cancel('m-1', 'held')"); n != 1 {
		t.Fatalf("cancel says %d", n)
	}
	renewed, err := h.db.Renew(t.Context(), []*outbox.Claim{mine, lapsed, again, others, settled, held})
	if err != nil {
		t.Fatal(err)
	}
	// A lease that has ended while nobody noticed is still one's own.
	if diff := cmp.Diff(sorted([]outbox.ID{mine.ID, lapsed.ID}), sorted(renewed)); diff != "" {
		t.Errorf("renewed (-want +got):\n%s", diff)
	}
	long := all[outbox.ID](t, h.pool, "select notification_id from orderbell.delivery where leased_until > now() + interval '5 s'")
	if diff := cmp.Diff(sorted(renewed), sorted(long)); diff != "" {
		t.Errorf("leases that were lengthened (-said +are):\n%s", diff)
	}
}

func TestLapsed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.claimed("running")
	over := h.claimed("over")
	h.move(over.ID, "leased_until = now() - interval '26 h 3 s', attempt_count = 4, rung = 2, unknowns = 1, round = 3, policy = 'quick', claimed_by = 'w-0'")
	lapses, err := h.db.Lapsed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(lapses) != 1 {
		t.Fatalf("%d have lapsed", len(lapses))
	}
	want := &outbox.Claim{ID: over.ID, Attempt: 4, Round: 3, Rung: 2, Unknowns: 1, Due: h.due(over.ID), Endpoint: "m-1", PolicyName: "quick"}
	if diff := cmp.Diff(want, lapses[0].Claim); diff != "" {
		t.Errorf("claim (-want +got):\n%s", diff)
	}
	if l := lapses[0]; l.Worker != "w-0" || l.Ago < 26*time.Hour || l.Ago > 27*time.Hour {
		t.Errorf("it was of %s, and ended %s ago", l.Worker, l.Ago)
	}
}

// due is when the next attempt of a row is, or was, due.
func (h *house) due(id outbox.ID) time.Time {
	h.t.Helper()
	return one[time.Time](h.t, h.pool, "select next_attempt_at from orderbell.delivery where notification_id = $1", id)
}

// Rows of long ladders are claimed together with today's.
func TestFillOverManyDays(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var claims []*outbox.Claim
	for _, day := range []int{40, 3, 0} {
		id := one[outbox.ID](t, h.pool, `
			insert into orderbell.notification (id, endpoint, event, order_no, body)
			values (orderbell.uuid7(now() - $1::int * interval '1 day'), 'm-1', 'e', $1::int::text, '{}') returning id`, day)
		claims = append(claims, &outbox.Claim{ID: id})
	}
	for _, fill := range [][]*outbox.Claim{claims, claims[2:]} {
		for _, claim := range fill {
			claim.OrderNo = ""
		}
		if gone, err := h.db.Fill(t.Context(), fill); err != nil || len(gone) != 0 {
			t.Fatalf("%d gone, %v", len(gone), err)
		}
		for _, claim := range fill {
			if claim.OrderNo == "" {
				t.Errorf("%s was not filled", outbox.FormatID(claim.ID))
			}
		}
	}
}

func sorted(ids []outbox.ID) []outbox.ID {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, func(a, b outbox.ID) int { return slices.Compare(a[:], b[:]) })
	return ids
}

// Rows whose last attempts are unknown are looked for and claimed apart: one of them
// may be what kills the workers.
func TestSuspectRowsAreClaimedApart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	before := time.Now().Add(-time.Second)
	plain, suspect := h.enqueue("A1"), h.enqueue("A2")
	h.exec("insert into orderbell.endpoint (id, url) values ('m-2', 'http://two.example/')")
	alone := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-2', 'e', 'A3', '')")
	for _, id := range []outbox.ID{suspect, alone} {
		h.move(id, fmt.Sprintf("attempt_count = 2, unknowns = %d", outbox.FreeUnknowns))
	}
	look, err := h.db.Look(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	full, err := h.db.FullLook(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, found := range map[string]outbox.Look{"look": look, "full look": full} {
		slices.Sort(found.Suspects)
		if !slices.Equal(found.Endpoints, []string{"m-1"}) || !slices.Equal(found.Suspects, []string{"m-1", "m-2"}) {
			t.Errorf("%s: endpoints %v, suspects %v", name, found.Endpoints, found.Suspects)
		}
	}
	for _, test := range []struct {
		suspects bool
		want     outbox.ID
	}{{false, plain}, {true, suspect}} {
		lanes := lane(9)
		lanes[0].Suspects = test.suspects
		claims, err := h.db.Claim(t.Context(), lanes, nil, nil)
		if err != nil || len(claims) != 1 || claims[0].ID != test.want {
			t.Errorf("suspects %t: claimed %v, %v", test.suspects, claims, err)
		}
	}
}

// Rows that somebody has edited by hand stop nobody else's: times without an end, and
// the greatest numbers that there are.
func TestRowsEditedByHandStopNobody(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	now, over, forever := h.claimed("A1"), h.claimed("A2"), h.claimed("A3")
	h.move(forever.ID, "leased_until = 'infinity'")
	h.move(over.ID, "leased_until = '-infinity', unknowns = 32767, rung = 32767")
	ever := h.enqueue("A4")
	h.move(ever, "next_attempt_at = '-infinity'")
	if _, err := h.db.FullLook(t.Context()); err != nil {
		t.Error(err)
	}
	lapses, err := h.db.Lapsed(t.Context())
	if err != nil || len(lapses) != 2 { // no lease is as long as that
		t.Fatalf("lapses: %v, %v", lapses, err)
	}
	if lapses[0].Claim.ID != over.ID {
		slices.Reverse(lapses)
	}
	if claims := h.claim(h.db, 9); len(claims) != 1 || claims[0].ID != ever {
		t.Errorf("claimed %v", claims)
	}
	unknown := result(lapses[0].Claim, outbox.OutcomeUnknown)
	unknown.Verdict = outbox.Verdict{State: outbox.Pending, Rung: 32768, Unknowns: 32768}
	lost := result(lapses[1].Claim, outbox.OutcomeUnknown)
	if moved := h.settle(unknown, lost, result(now, outbox.OutcomeAcknowledged)); len(moved) != 3 {
		t.Errorf("settled %v", moved)
	}
}

// Where an endpoint has nothing to sign with, rows that name a policy that signs are left;
// where it has, and where they name another, they are claimed.
func TestClaimLeavesWhatCannotBeSigned(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("insert into orderbell.policy (name, ladder, acknowledge, signature) values ('signed', '{1m}', 'true', 'hmac-sha256')")
	signed := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-1', 'e', 'A1', '', policy => 'signed')")
	quick := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-1', 'e', 'A2', '', policy => 'quick')")
	explained := func() string {
		return one[string](t, h.pool, "select explanation from orderbell.notification_status where id = $1", signed)
	}
	if got := explained(); !strings.Contains(got, "parked because endpoint m-1 has no secret, which policy signed signs with") {
		t.Errorf("it says %s", got)
	}
	for _, step := range []struct {
		unsigned bool
		want     outbox.ID
	}{{true, quick}, {false, signed}} {
		claims, err := h.db.Claim(t.Context(), []outbox.Lane{{Endpoint: "m-1", Take: 9, Unsigned: step.unsigned}},
			[]string{"quick", "signed"}, []string{"signed"})
		if err != nil || len(claims) != 1 || claims[0].ID != step.want {
			t.Errorf("unsigned %t: claimed %v, %v", step.unsigned, claims, err)
		}
	}
	h.exec("select orderbell.add_secret('m-1', 1, '0123abcd', repeat('x', 40)::bytea, '0')")
	if got := explained(); strings.Contains(got, "parked") {
		t.Errorf("with a secret it says %s", got)
	}
}
