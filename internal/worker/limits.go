package worker

import (
	"context"
	"sync"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// lateSend is how late a request may begin after its time. Times are given out 5 % further
// apart than the rate asks for, so that no second sees more than it allows.
const lateSend = 5 * time.Millisecond

// limits keeps what this worker may do to endpoints that have a limit over all workers:
// slots, which are leased as rows are, and times at which a request may begin.
type limits struct {
	store    Limits
	lease    time.Duration
	inFlight func(endpoint string) int

	asking sync.Mutex // one question at a time: each says how many slots there are in all

	mu sync.Mutex
	of map[string]*limit
}

// limit is what this worker has of one endpoint's limits.
type limit struct {
	slots    int
	until    time.Time // when they end, by our own clock
	promised int       // to portions whose claim is under way
	times    []time.Time
	every    time.Duration // between them, at least
	last     time.Time     // when the last request begins
}

func newLimits(store Limits, lease time.Duration, inFlight func(endpoint string) int) *limits {
	return &limits{store: store, lease: lease, inFlight: inFlight, of: make(map[string]*limit)}
}

// admit shrinks portions to what their endpoints' limits allow. One that it leaves nothing
// may be asked for again at its later, or when a request has ended.
func (l *limits) admit(ctx context.Context, turn []*portion, d *directory) error {
	limited := turn[:0:0]
	for _, p := range turn {
		if endpoint, _ := d.endpoint(p.endpoint); endpoint.MaxInFlight > 0 || endpoint.Rate > 0 {
			limited = append(limited, p)
		}
	}
	if len(limited) == 0 {
		return nil
	}
	l.asking.Lock()
	defer l.asking.Unlock()
	wants := l.wants(limited, d)
	later := make(map[string]time.Time)
	if len(wants) > 0 {
		sent := time.Now()
		grants, err := l.store.Reserve(ctx, wants)
		if err != nil {
			return err
		}
		l.granted(wants, grants, sent, later)
	}
	l.share(limited, d, later)
	return nil
}

// wants is what is missing of what portions would take.
func (l *limits) wants(turn []*portion, d *directory) (wants []outbox.Want) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for _, p := range turn {
		endpoint, _ := d.endpoint(p.endpoint)
		one := l.of[p.endpoint]
		if one == nil {
			one = &limit{}
			l.of[p.endpoint] = one
		}
		want := outbox.Want{Endpoint: p.endpoint}
		if endpoint.MaxInFlight > 0 {
			want.Slots = one.missing(min(l.inFlight(p.endpoint)+p.take, endpoint.MaxInFlight), now)
		}
		if endpoint.Rate > 0 {
			one.forgetTimes(now)
			want.Sends = max(0, p.take-len(one.times))
		}
		if want.Slots > 0 || want.Sends > 0 {
			want.Slots = max(want.Slots, one.live(now))
			wants = append(wants, want)
		}
	}
	return wants
}

// live is how many slots are ours.
func (one *limit) live(now time.Time) int {
	if now.Before(one.until) {
		return one.slots
	}
	return 0
}

// missing is how many slots to ask for, to have so many in all; 0 where they are there.
func (one *limit) missing(most int, now time.Time) int {
	if one.live(now) >= most {
		return 0
	}
	return most
}

// forgetTimes drops the times that have passed.
func (one *limit) forgetTimes(now time.Time) {
	for len(one.times) > 0 && now.Sub(one.times[0]) > lateSend {
		one.times = one.times[1:]
	}
}

// granted takes what was given.
func (l *limits) granted(wants []outbox.Want, grants []outbox.Grant, sent time.Time, later map[string]time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	wanted := make(map[string]outbox.Want, len(wants))
	for _, want := range wants {
		wanted[want.Endpoint] = want
	}
	for _, g := range grants {
		one := l.of[g.Endpoint]
		if wanted[g.Endpoint].Slots > 0 {
			one.slots, one.until = g.Slots, sent.Add(l.lease)
		}
		one.every = g.Every
		for i := range g.Sends {
			one.times = append(one.times, now.Add(g.First+time.Duration(i)*g.Every))
		}
		if wanted[g.Endpoint].Sends > 0 && g.Sends == 0 {
			later[g.Endpoint] = now.Add(g.First)
		}
	}
}

// share gives portions what there is.
func (l *limits) share(turn []*portion, d *directory, later map[string]time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for _, p := range turn {
		endpoint, _ := d.endpoint(p.endpoint)
		one := l.of[p.endpoint]
		if endpoint.MaxInFlight > 0 {
			p.take = max(0, min(p.take, min(one.live(now), endpoint.MaxInFlight)-l.inFlight(p.endpoint)))
		}
		if endpoint.Rate > 0 {
			p.take = min(p.take, len(one.times))
			p.times = one.times[:p.take]
			one.times = one.times[p.take:]
		}
		one.promised += p.take
		p.promised, p.later = p.take, later[p.endpoint]
	}
}

// settle ends a promise: what the portion has claimed is in flight by now, and the times
// that it did not use may serve others.
func (l *limits) settle(p *portion, claimed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.of[p.endpoint]
	if one == nil {
		return
	}
	one.promised -= p.promised
	if unused := p.times[min(claimed, len(p.times)):]; len(unused) > 0 {
		one.times = append(append([]time.Time(nil), unused...), one.times...)
	}
}

// pace is when a request with the given time may begin: no sooner after the one before it
// than the rate says, however late that was. Without this a worker that was short of
// processor time would begin all at once.
func (l *limits) pace(endpoint string, at time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.of[endpoint]
	if one == nil {
		return at
	}
	for _, t := range []time.Time{time.Now(), one.last.Add(one.every)} {
		if t.After(at) {
			at = t
		}
	}
	one.last = at
	return at
}

// renew renews the slots that requests hold, and gives back the others.
func (l *limits) renew(ctx context.Context) error {
	l.asking.Lock()
	defer l.asking.Unlock()
	wants := l.held()
	if len(wants) == 0 {
		return nil
	}
	sent := time.Now()
	grants, err := l.store.Reserve(ctx, wants)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range grants {
		one := l.of[g.Endpoint]
		if one == nil {
			continue
		}
		one.slots = g.Slots
		if g.Slots >= l.inFlight(g.Endpoint)+one.promised {
			one.until = sent.Add(l.lease)
		} // else others have them by now: what is in flight ends with the lease it has
	}
	return nil
}

// held is what is to be renewed: as many slots as are in use. Limits of which nothing is
// left are forgotten.
func (l *limits) held() (wants []outbox.Want) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for endpoint, one := range l.of {
		one.forgetTimes(now)
		switch {
		case one.slots > 0:
			wants = append(wants, outbox.Want{Endpoint: endpoint, Slots: l.inFlight(endpoint) + one.promised})
		case one.promised == 0 && len(one.times) == 0:
			delete(l.of, endpoint)
		}
	}
	return wants
}

// ends is when a request to an endpoint must have ended, for its slot to be ours: at the
// given time at the latest.
func (l *limits) ends(endpoint string, latest time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.of[endpoint]; one != nil && one.slots > 0 && one.until.Before(latest) {
		return one.until
	}
	return latest
}
