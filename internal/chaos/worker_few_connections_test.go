package chaos_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// The database lets a worker have four connections, of the eight that it would have.
// It works all the same.
func TestFewConnections(t *testing.T) {
	t.Parallel()
	h := chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{
		{Name: "m-1"}, {Name: "m-2", Temper: chaos.Slow(50 * time.Millisecond)}, {Name: "m-3", Temper: chaos.Stumbling(1)},
	}})
	h.SQL("create role few_connections login password 'secret' connection limit 4 in role orderbell_worker")
	t.Cleanup(func() { h.SQL("drop role few_connections") })
	at, err := url.Parse(h.URL)
	if err != nil {
		t.Fatal(err)
	}
	at.User = url.UserPassword("few_connections", "secret")
	w1 := h.WorkWith(chaos.WorkerOptions{Name: "w1", URL: at.String()})
	w1.Says("worker starts")
	h.Shop(chaos.ShopOptions{Orders: 200})
	h.AtRest()
	h.Check() // no fault of a worker: nothing is sent twice
	h.Bound("connections of w1", h.Connections(w1), 4)
	t.Log(h.Outcomes(), len(w1.Lines()), "lines")
	h.Bound("lines a second of w1", int64(w1.BusiestSecond("")), 6)
	stopped(t, w1)
}
