package chaos_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/chaos"
)

const (
	// places is how many workers there are at a time.
	places = 3
	// limit bounds what the storm itself asks of the database.
	limit = time.Minute
)

// storm is a random run: what there is, what has been done to it, and what was seen.
type storm struct {
	t      *testing.T
	h      *chaos.House
	wish   wish
	deck   *deck
	places [places]*place
	all    []*member // every worker that ever was
	shop   *chaos.Shop
	later  []deed // by time
	before rest

	began   time.Time
	lasted  time.Duration
	done    map[string]int // steps, by their kind
	ended   map[int]int    // workers that were asked to stop, by exit status
	kills   []killing
	outages []outage
	allowed int // requests after an acknowledgement
}

// place is where a worker runs, behind a proxy of its own.
type place struct {
	proxy  *chaos.Proxy
	url    string
	worker *member // nil while there is none, or it is stopping
	cut    bool    // the proxy makes a fault
}

// member is one worker's process.
type member struct {
	*chaos.Worker
	place    *place
	since    time.Time
	left     time.Time // killed, or asked to stop; zero: neither
	frozen   bool
	troubles []trouble
	cuts     []span // when it was cut off from its database, or will be again in a moment
}

// span is a time.
type span struct{ from, to time.Time }

// deed is something that comes by itself later.
type deed struct {
	at time.Time
	do func()
}

func newStorm(t *testing.T, w wish) *storm {
	t.Helper()
	h := chaos.New(t, chaos.Options{
		OwnCluster: true,
		Settings: map[string]string{
			"synchronous_commit": "on", // else a crash forgets commits
			// Up to version 17 a server that recovers from a crash waits as long as this
			// for who connects meanwhile and says nothing, as through a proxy that drops it.
			"authentication_timeout": "1s",
		},
		Endpoints: merchants(w.slowest),
	})
	h.SQL("create table tries (at timestamptz)")
	s := &storm{t: t, h: h, wish: w, deck: newDeck(w.seed, w.scale), done: map[string]int{}, ended: map[int]int{}}
	resting := h.Work("resting").Goroutines()
	for i := range s.places {
		p := &place{}
		p.proxy, p.url = withProxy(t, h.URL)
		s.places[i] = p
		s.start(p)
	}
	for _, m := range s.all {
		m.Says("worker starts")
	}
	s.before = s.atRest()
	s.before.Goroutines = resting
	s.openShop()
	return s
}

// merchants are of all tempers. One of them is not there at all.
func merchants(slowest time.Duration) []chaos.Endpoint {
	ladder := []time.Duration{time.Second, time.Second, 2 * time.Second}
	endpoints := []chaos.Endpoint{
		{Name: "m-prompt"},
		{Name: "m-prompt-keyed"},
		{Name: "m-prompt-too"},
		{Name: "m-slow", Temper: chaos.Slow(100 * time.Millisecond)},
		{Name: "m-slower", Temper: chaos.Slow(800 * time.Millisecond)},
		{Name: "m-slowest", Temper: chaos.Slow(slowest)},
		{Name: "m-stumbling", Temper: chaos.Stumbling(1)},
		{Name: "m-stumbling-keyed", Temper: chaos.Stumbling(2)},
		{Name: "m-failing", Temper: chaos.Failing()},
		{Name: "m-hanging-up", Temper: chaos.HangingUp(1)},
		{Name: "m-silent", Temper: chaos.Hanging(nil), Timeout: 700 * time.Millisecond},
		{Name: "m-absent", URL: "http://127.0.0.1:1/"},
	}
	for i := range endpoints {
		endpoints[i].Ladder = ladder
		if endpoints[i].Timeout == 0 {
			endpoints[i].Timeout = 30 * time.Second
		}
	}
	return endpoints
}

// withProxy makes a proxy to a database, and the URL that leads through it.
func withProxy(t *testing.T, database string) (*chaos.Proxy, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	proxy := chaos.NewProxy(t, u.Host)
	u.Host = proxy.Addr()
	return proxy, u.String()
}

// start starts a worker with a name of its own, so that the rows of each are known.
func (s *storm) start(p *place) {
	name := fmt.Sprintf("w%d", len(s.all)+1)
	m := &member{Worker: s.h.WorkWith(chaos.WorkerOptions{Name: name, URL: p.url}), place: p, since: time.Now()}
	p.worker = m
	s.all = append(s.all, m)
}

func (s *storm) openShop() {
	s.shop = s.h.Shop(chaos.ShopOptions{
		PerSecond: s.wish.perSecond, Connections: 8, Keyed: []string{"m-prompt-keyed", "m-stumbling-keyed"},
	})
}

// living are the workers that run, of one place or, for nil, of all; also those that
// are stopping.
func (s *storm) living(p *place) []*member {
	var living []*member
	for _, m := range s.all {
		if (p == nil || m.place == p) && m.Living() {
			living = append(living, m)
		}
	}
	return living
}

// after has something done later.
func (s *storm) after(d time.Duration, do func()) {
	s.later = append(s.later, deed{at: time.Now().Add(d), do: do})
	slices.SortStableFunc(s.later, func(a, b deed) int { return a.at.Compare(b.at) })
}

// whenEnded has something done when a worker's process has ended.
func (s *storm) whenEnded(m *member, do func()) {
	if !m.Living() {
		do()
		return
	}
	s.after(50*time.Millisecond, func() { s.whenEnded(m, do) })
}

// wait lets time pass, and does what comes meanwhile.
func (s *storm) wait(d time.Duration) {
	until := time.Now().Add(d)
	for len(s.later) > 0 && !s.later[0].at.After(until) {
		next := s.later[0]
		s.later = s.later[1:]
		pass(time.Until(next.at))
		next.do()
	}
	pass(time.Until(until))
}

func pass(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}

// connect makes a connection that goes to the database directly.
func (s *storm) connect() (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	return pgx.Connect(ctx, s.h.URL)
}
