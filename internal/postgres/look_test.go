package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

// lanes gives the house endpoints with one row each, which is moved as told.
func (h *house) lanes(set map[string]string) {
	h.t.Helper()
	for endpoint, change := range set {
		h.exec("insert into orderbell.endpoint (id, url) values ($1, 'http://shop.example/') on conflict do nothing", endpoint)
		id := one[outbox.ID](h.t, h.pool, "select orderbell.enqueue($1, 'e', 'A1', '{}')", endpoint)
		h.move(id, change)
	}
}

const (
	flying = "state = 'in_flight', attempt_count = 1, claimed_by = 'w-0', leased_until = now() + interval '6 s', "
	over   = "state = 'in_flight', attempt_count = 1, claimed_by = 'w-0', leased_until = now() - interval '1 s', "
)

// A look sees what fell due since the last one, and two seconds before it.
func TestLook(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	since := one[time.Time](t, h.pool, "select clock_timestamp()").Add(-time.Minute)
	stamp := func(d time.Duration) string {
		return "next_attempt_at = '" + since.Add(d).UTC().Format("2006-01-02 15:04:05.999999") + "+00'"
	}
	h.lanes(map[string]string{
		"since":        stamp(30 * time.Second),
		"just before":  stamp(-1900 * time.Millisecond),
		"too old":      stamp(-2100 * time.Millisecond),
		"in flight":    flying + stamp(time.Second),
		"lease over":   over + stamp(time.Second),
		"in an hour":   "next_attempt_at = now() + interval '1 h'",
		"in two hours": "next_attempt_at = now() + interval '2 h'",
		"held":         "state = 'held', next_attempt_at = 'infinity'",
	})
	look, err := h.db.Look(t.Context(), since)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(look.Endpoints)
	if diff := cmp.Diff([]string{"just before", "since"}, look.Endpoints); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	if look.NextDue > time.Hour || look.NextDue < time.Hour-10*time.Second {
		t.Errorf("the next is due in %s, want an hour", look.NextDue)
	}
	if d := look.At.Sub(since); d < time.Minute || d > time.Minute+10*time.Second {
		t.Errorf("it was made %s after the last", d)
	}
}

func TestLookAtNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.lanes(map[string]string{"held": "state = 'held', next_attempt_at = 'infinity'"})
	look, err := h.db.Look(t.Context(), time.Now().Add(-time.Minute))
	if err != nil || len(look.Endpoints) != 0 || look.NextDue != 0 {
		t.Errorf("look: %+v, %v", look, err)
	}
	full, err := h.db.FullLook(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(full.Endpoints) != 0 || full.NextDue != 0 || full.Lapsed || full.NextLeaseEnd != 0 {
		t.Errorf("full look: %+v", full)
	}
}

func TestFullLook(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.lanes(map[string]string{
		"old":        "next_attempt_at = now() - interval '3 days'",
		"in flight":  flying + "next_attempt_at = now() - interval '1 s'",
		"in an hour": "next_attempt_at = now() + interval '1 h'",
		"held":       "state = 'held', next_attempt_at = 'infinity'",
	})
	look, err := h.db.FullLook(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"old"}, look.Endpoints); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	if look.Lapsed || look.NextLeaseEnd <= 0 || look.NextLeaseEnd > 6*time.Second {
		t.Errorf("look: %+v", look)
	}
	if look.NextDue > time.Hour || look.NextDue < time.Hour-10*time.Second {
		t.Errorf("the next is due in %s, want an hour", look.NextDue)
	}

	h.lanes(map[string]string{"lease over": over + "next_attempt_at = now() - interval '1 s'"})
	if look, err = h.db.FullLook(t.Context()); err != nil || !look.Lapsed {
		t.Errorf("with a lease that ended: %+v, %v", look, err)
	}
	if diff := cmp.Diff([]string{"old"}, look.Endpoints); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
}

// The full look says when somebody may be probed: not what may be already, and not
// before the probe under way is given up.
func TestFullLookSeesTheNextProbe(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("insert into orderbell.endpoint (id, url) values ('m-2', 'http://two.example')")
	h.breaks(h.db, outbox.Breaking{Endpoint: "m-1", Open: true}, outbox.Breaking{Endpoint: "m-2", Open: true})
	for _, step := range []struct {
		set  string
		want time.Duration
	}{
		{"probe_at = now() - interval '1 s'", 0},
		{"probe_at = now() + interval '1 h' where endpoint = 'm-1'", time.Hour},
		{"probing_until = now() + interval '2 h' where endpoint = 'm-1'", 2 * time.Hour},
		{"probe_at = now() + interval '30 min' where endpoint = 'm-2'", 30 * time.Minute},
	} {
		h.exec("update orderbell.breaker set " + step.set)
		look, err := h.db.FullLook(t.Context())
		if err != nil || look.NextProbe > step.want || look.NextProbe < step.want-time.Minute {
			t.Errorf("%s: the next probe in %s, %v; want %s", step.set, look.NextProbe, err, step.want)
		}
	}
}

// A lane that may not send costs no statement: looks do not name it. A breaker that lets a
// probe pass is named, and the full look says when the next one will be.
func TestLooksLeaveOutWhatMayNotSend(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	since := one[time.Time](t, h.pool, "select clock_timestamp()")
	h.exec("insert into orderbell.policy (name, ladder, acknowledge) values ('broken', '{1m}', 'status = 200')")
	due := "next_attempt_at = clock_timestamp()"
	h.lanes(map[string]string{
		"well": due, "paused": due, "open": due, "to probe": due, "being probed": due, "parked": due, "choosy": due + ", policy = 'standard'",
	})
	h.exec("update orderbell.endpoint set paused_at = now() where id = 'paused'")
	h.exec("update orderbell.endpoint set policy = 'broken' where id in ('parked', 'choosy')")
	h.exec("update orderbell.policy set fault = 'it does not compile' where name = 'broken'")
	h.exec(`insert into orderbell.breaker (endpoint, probe_at, probing_until, reason, opened_by) values
		('open', now() + interval '1 h', null, 'refused', 'w-1'), ('to probe', now(), null, 'refused', 'w-1'),
		('being probed', now() - interval '1 h', now() + interval '2 h', 'refused', 'w-1')`)
	look, err := h.db.Look(t.Context(), since)
	if err != nil {
		t.Fatal(err)
	}
	full, err := h.db.FullLook(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, found := range map[string]outbox.Look{"look": look, "full look": full} {
		slices.Sort(found.Endpoints)
		if diff := cmp.Diff([]string{"choosy", "to probe", "well"}, found.Endpoints); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if full.NextProbe > time.Hour || full.NextProbe < time.Hour-time.Minute {
		t.Errorf("the next probe may be sent in %v, want an hour", full.NextProbe)
	}
}
