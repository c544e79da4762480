package worker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

// noLimits is of endpoints without limits.
func noLimits() *limits { return newLimits(nil, time.Second, func(string) int { return 0 }) }

// quota grants what is wanted, up to some slots and so many sends of a rate.
type quota struct {
	Limits
	slots, sends int
	every, later time.Duration
	asked        []outbox.Want
	err          error
}

func (q *quota) Reserve(_ context.Context, wants []outbox.Want) (grants []outbox.Grant, err error) {
	q.asked = append(q.asked, wants...)
	for _, want := range wants {
		g := outbox.Grant{Endpoint: want.Endpoint, Slots: min(want.Slots, q.slots), Sends: min(want.Sends, q.sends), Every: q.every}
		if g.Sends == 0 {
			g.First = q.later
		}
		grants = append(grants, g)
	}
	return grants, q.err
}

// limited is an endpoint with limits, and what a worker knows of it.
func limited(q *quota, endpoint outbox.Endpoint) (*limits, *directory, *int) {
	inFlight := new(int)
	d, _ := testDirectory()
	d.endpoints["a"] = &entry{endpoint: &endpoint, at: time.Now()}
	return newLimits(q, lasting, func(string) int { return *inFlight }), d, inFlight
}

func admits(t *testing.T, l *limits, d *directory, take int) *portion {
	t.Helper()
	p := &portion{lane: &lane{endpoint: "a"}, take: take}
	if err := l.admit(t.Context(), []*portion{p}, d); err != nil {
		t.Fatal(err)
	}
	return p
}

// What others hold is not ours, and what we hold is asked for once.
func TestSlotsOfALimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &quota{slots: 3}
		l, d, inFlight := limited(q, outbox.Endpoint{ID: "a", MaxInFlight: 5})
		p := admits(t, l, d, 4)
		if p.take != 3 {
			t.Errorf("%d of the 3 slots that others leave", p.take)
		}
		*inFlight = 3
		l.settle(p, 3)
		if p := admits(t, l, d, 2); p.take != 0 || !p.later.IsZero() {
			t.Errorf("%d more, asked again at %v", p.take, p.later)
		}
		*inFlight = 1
		p = admits(t, l, d, 2)
		if p.take != 2 {
			t.Errorf("%d of the two slots that we hold and do not use", p.take)
		}
		l.settle(p, 0)
		if diff := cmp.Diff([]outbox.Want{{Endpoint: "a", Slots: 4}, {Endpoint: "a", Slots: 5}}, q.asked); diff != "" {
			t.Errorf("asked for (-want +got):\n%s", diff)
		}
	})
}

// Slots are renewed with the leases, as many as are in use; a request ends with its slot.
func TestSlotsAreLeased(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &quota{slots: 5}
		l, d, inFlight := limited(q, outbox.Endpoint{ID: "a", MaxInFlight: 5})
		began := time.Now()
		p := admits(t, l, d, 5)
		time.Sleep(time.Second)
		if got := l.ends("a", time.Now().Add(lasting)); got.Sub(began) != lasting {
			t.Errorf("a request may last until %v after the slots were taken", got.Sub(began))
		}
		*inFlight = 2
		l.settle(p, 2)
		if err := l.renew(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := l.ends("a", time.Now().Add(lasting)); got.Sub(began) != time.Second+lasting {
			t.Errorf("after a renewal it may last until %v", got.Sub(began))
		}
		q.slots = 1 // ours had lapsed, and others have taken them
		if err := l.renew(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lasting)
		if l.ends("a", time.Now()).After(began.Add(time.Second + lasting)) {
			t.Error("requests go on with slots of others")
		}
		if p := admits(t, l, d, 3); p.take != 0 {
			t.Errorf("begins %d more", p.take)
		}
		*inFlight, q.slots = 0, 5
		for range 2 {
			if err := l.renew(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if last := q.asked[len(q.asked)-1]; last.Slots != 0 || len(l.of) != 0 {
			t.Errorf("asked for %v at last, and remembers %d", last, len(l.of))
		}
	})
}

// Requests begin at the times that were given, and times that were not used serve the next.
func TestTimesOfALimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &quota{sends: 3, every: 10 * time.Millisecond, later: 40 * time.Millisecond}
		l, d, _ := limited(q, outbox.Endpoint{ID: "a", Rate: 100})
		now := time.Now()
		p := admits(t, l, d, 8)
		if p.take != 3 || !p.times[2].Equal(now.Add(20*time.Millisecond)) {
			t.Fatalf("%d may begin, at %v", p.take, p.times)
		}
		l.settle(p, 1)
		time.Sleep(8 * time.Millisecond)
		q.sends = 0
		p = admits(t, l, d, 8)
		if p.take != 2 || !p.times[0].Equal(now.Add(10*time.Millisecond)) {
			t.Fatalf("%d may begin, at %v", p.take, p.times)
		}
		l.settle(p, 0)
		time.Sleep(time.Second)
		p = admits(t, l, d, 8)
		if p.take != 0 || time.Until(p.later) != q.later {
			t.Errorf("%d may begin, the next one in %v", p.take, time.Until(p.later))
		}
		if l.ends("a", now.Add(time.Hour)) != now.Add(time.Hour) {
			t.Error("a rate ends requests")
		}
	})
}

// Requests that are late do not begin together.
func TestLateRequestsKeepTheirDistance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, d, _ := limited(&quota{sends: 3, every: 10 * time.Millisecond}, outbox.Endpoint{ID: "a", Rate: 100})
		p := admits(t, l, d, 3)
		time.Sleep(time.Second)
		now := time.Now()
		for i, at := range p.times {
			if got := l.pace("a", at).Sub(now); got != time.Duration(i)*10*time.Millisecond {
				t.Errorf("the late request %d begins in %v", i, got)
			}
		}
		if got := l.pace("a", now.Add(time.Second)).Sub(now); got != time.Second {
			t.Errorf("one in time begins in %v", got)
		}
	})
}

// A limit that has become lower holds for what is begun from then on.
func TestALimitIsLowered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, d, inFlight := limited(&quota{slots: 5}, outbox.Endpoint{ID: "a", MaxInFlight: 5})
		p := admits(t, l, d, 5)
		*inFlight = 5
		l.settle(p, 5)
		d.endpoints["a"].endpoint.MaxInFlight = 3
		*inFlight = 4
		if p := admits(t, l, d, 5); p.take != 0 {
			t.Errorf("%d more, with 4 in flight of 3", p.take)
		}
		*inFlight = 1
		if p := admits(t, l, d, 5); p.take != 2 {
			t.Errorf("%d more, with 1 in flight of 3", p.take)
		}
	})
}

// What has no limit is not asked for.
func TestEndpointsWithoutALimit(t *testing.T) {
	t.Parallel()
	q := &quota{}
	l, d, _ := limited(q, outbox.Endpoint{ID: "a"})
	if p := admits(t, l, d, 8); p.take != 8 || len(q.asked) != 0 || len(l.of) != 0 {
		t.Errorf("a portion of %d, asked for %v", p.take, q.asked)
	}
}

// A limit that cannot be asked for lets nothing pass.
func TestLimitsThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	l, d, _ := limited(&quota{err: errAway}, outbox.Endpoint{ID: "a", MaxInFlight: 1})
	if err := l.admit(t.Context(), []*portion{{lane: &lane{endpoint: "a"}, take: 1}}, d); err == nil {
		t.Error("no error")
	}
}
