package chaos

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/devpg"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

// Endpoint is a merchant of a scenario, with a policy of its own.
type Endpoint struct {
	Name   string
	Temper Temper // nil: prompt
	// Ladder; nil is 1s, 2s, empty is one attempt.
	Ladder []time.Duration
	// Timeout of an attempt; 0 is 10 s, far above what a busy machine needs.
	Timeout time.Duration
	// URL instead of that of its merchant, who is then never told.
	URL string
}

// Options say what a scenario needs. The zero value is a database in the cluster
// that the package's tests share, and one prompt merchant, m-1.
type Options struct {
	// Endpoints of the scenario; nil: m-1, prompt.
	Endpoints []Endpoint
	// OwnCluster gives it a cluster that it may hurt, with Settings for it.
	OwnCluster bool
	Settings   map[string]string
	// URL is a database that the scenario has made itself; without a schema, unless
	// it is Migrated.
	URL      string
	Migrated bool
}

// House is a scenario's database, merchants, workers and shops, and what it knows
// of its faults. Its methods are for the test's own goroutine, but Kill, Freeze and
// Fault may be called by a merchant's hook.
type House struct {
	*Merchants
	// Server is the scenario's own cluster, nil where it has none.
	Server *devpg.Server
	// URL is the database's own. WorkURL and ShopURL are where workers and shops that
	// are started from now on find it: another one, to put a proxy between.
	URL, WorkURL, ShopURL string

	t       testing.TB
	shops   []*Shop
	orders  []Order // written by the scenario itself
	earlier []History
	bounds  []Bound
	// cancelled are the numbers of orders.
	cancelled []string

	mu      sync.Mutex // guards what follows
	workers []*Worker
	faults  []Fault
	codes   []string
}

// New makes the house of a scenario. Everything in it ends with the test.
func New(t testing.TB, o Options) *House {
	t.Helper()
	h := &House{t: t, URL: o.URL}
	switch {
	case o.OwnCluster:
		h.Server = startCluster(t, o.Settings)
		h.URL = h.Server.URL("postgres")
		fallthrough
	case o.URL != "" && !o.Migrated:
		if err := postgres.MigrateUp(t.Context(), h.URL); err != nil {
			t.Fatal(err)
		}
	case o.URL == "":
		h.URL = pgtest.Database(t)
	}
	h.WorkURL, h.ShopURL = h.URL, h.URL
	h.Merchants = NewMerchants(t)
	h.SQL(makeShopOrder)
	if o.Endpoints == nil {
		o.Endpoints = []Endpoint{{Name: "m-1"}}
	}
	for _, e := range o.Endpoints {
		h.AddEndpoint(e)
	}
	return h
}

func startCluster(t testing.TB, settings map[string]string) *devpg.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience) // it may have to be fetched
	defer cancel()
	small := map[string]string{"shared_buffers": "32MB", "max_wal_size": "256MB", "min_wal_size": "32MB"}
	for name, value := range settings {
		small[name] = value
	}
	server, err := devpg.Start(ctx, devpg.Options{Settings: small})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return server
}

// AddEndpoint opens a merchant and writes its endpoint and policy.
func (h *House) AddEndpoint(e Endpoint) {
	h.t.Helper()
	if e.Temper == nil {
		e.Temper = Prompt()
	}
	if e.Ladder == nil {
		e.Ladder = []time.Duration{time.Second, 2 * time.Second}
	}
	if e.Timeout == 0 {
		e.Timeout = 10 * time.Second
	}
	url := h.Open(e.Name, e.Temper)
	if e.URL != "" {
		url = e.URL
	}
	h.SQL(`with p as (
	         insert into orderbell.policy (name, ladder, acknowledge, timeout)
	         values ($1, $2, 'status == 200 && body == "success"', $3))
	       insert into orderbell.endpoint (id, url, policy) values ($1, $4, $1)`, e.Name, e.Ladder, e.Timeout, url)
}

// Work starts a worker of the shipped program and waits until it works. env is
// added to its environment.
func (h *House) Work(name string, env ...string) *Worker {
	h.t.Helper()
	w := h.WorkWith(WorkerOptions{Name: name, Env: env})
	w.Says("worker starts")
	return w
}

// WorkWith starts a worker and doesn't wait for it. Its URL is the house's, unless
// it is set.
func (h *House) WorkWith(o WorkerOptions) *Worker {
	h.t.Helper()
	if o.URL == "" {
		o.URL = h.WorkURL
	}
	w := StartWorker(h.t, o)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.workers = append(h.workers, w)
	return w
}

// Shop starts a shop. What is not set is the house's own: the URL, the run, and
// all its endpoints.
func (h *House) Shop(o ShopOptions) *Shop {
	h.t.Helper()
	if o.URL == "" {
		o.URL = h.ShopURL
	}
	if o.Run == "" {
		o.Run = fmt.Sprintf("s%d", len(h.shops)+1)
	}
	if o.Endpoints == nil {
		o.Endpoints = h.names()
	}
	s := StartShop(h.t, o)
	h.shops = append(h.shops, s)
	return s
}

// Enqueue commits one notification for an endpoint and returns its id. The checker
// knows of it.
func (h *House) Enqueue(endpoint string) string {
	h.t.Helper()
	no := fmt.Sprintf("own-%d", len(h.orders)+1)
	id := h.Text("select orderbell.enqueue($1, 'trade.success', $2, '{}')", endpoint, no)
	h.orders = append(h.orders, Order{No: no, Fate: Committed, IDs: []string{id}})
	return id
}

// Cancel cancels what is unfinished of an order at an endpoint, as the business may.
// The checker knows of it. It may fail, as an order may: then it is tried no more.
func (h *House) Cancel(endpoint, orderNo string) error {
	h.cancelled = append(h.cancelled, orderNo) // also if its answer is lost
	_, err := h.text("select orderbell.cancel($1, $2)", endpoint, orderNo)
	return err
}

// names are the endpoints of the house, sorted.
func (h *House) names() []string {
	h.Merchants.mu.Lock()
	defer h.Merchants.mu.Unlock()
	names := make([]string, 0, len(h.tempers))
	for name := range h.tempers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
