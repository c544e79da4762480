package chaos_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/pgtest"
)

const (
	// ordersPerSecond is a small load; two of three orders are committed, and of those
	// each fifth has two notifications.
	ordersPerSecond = 60
	tradesPerSecond = ordersPerSecond * 2 / 3 * 6 / 5
	// rateWindow is what a rate is measured over; it is full with four fifths of the load.
	rateWindow = 500 * time.Millisecond
	fullRate   = tradesPerSecond / 2 * 4 / 5
)

// trade is a house whose shop sells while something happens to the database.
type trade struct {
	*chaos.House
	t       *testing.T
	shop    *chaos.Shop
	workers []*chaos.Worker
}

// trading makes a house with a prompt merchant and a slow one.
func trading(t *testing.T, o chaos.Options) *trade {
	t.Helper()
	if o.Endpoints == nil {
		o.Endpoints = []chaos.Endpoint{{Name: "m-prompt"}, {Name: "m-slow", Temper: chaos.Slow(50 * time.Millisecond)}}
	}
	return &trade{House: chaos.New(t, o), t: t}
}

// durable has commits outlive a crash of the database, though not one of the machine.
func durable() map[string]string { return map[string]string{"synchronous_commit": "on"} }

// employ starts workers and waits until commits wake them.
func (d *trade) employ(names ...string) {
	d.t.Helper()
	for _, name := range names {
		d.employed(d.Work(name))
	}
}

// proxied puts a proxy between the database and the workers that start from now on.
func (d *trade) proxied() *chaos.Proxy {
	d.t.Helper()
	u, err := url.Parse(d.URL)
	if err != nil {
		d.t.Fatal(err)
	}
	p := chaos.NewProxy(d.t, u.Host)
	u.Host = p.Addr()
	d.WorkURL = u.String()
	return p
}

func (d *trade) employed(w *chaos.Worker) {
	d.t.Helper()
	w.Says("commits wake the worker")
	d.workers = append(d.workers, w)
}

// open starts the shop and waits until it has sold for a second.
func (d *trade) open() {
	d.t.Helper()
	before := len(d.Requests())
	d.shop = d.Shop(chaos.ShopOptions{PerSecond: ordersPerSecond})
	arrived(d.t, d.House, before+tradesPerSecond)
}

// sells waits until the shop has placed so many further orders.
func (d *trade) sells(orders int) {
	d.t.Helper()
	before := len(d.shop.Orders())
	pgtest.Eventually(d.t, time.Minute, "the shop to sell", func() error {
		if sold := len(d.shop.Orders()) - before; sold < orders {
			return fmt.Errorf("%d of %d orders are placed", sold, orders)
		}
		return nil
	})
}

// resumes waits until deliveries come at the full rate, and go on so, after a moment.
// It tells how long that and the first delivery took.
func (d *trade) resumes(what string, since time.Time) {
	d.t.Helper()
	pgtest.Eventually(d.t, time.Minute, "deliveries at the full rate", func() error {
		arrivals := d.arrivalsAfter(since)
		for _, from := range arrivals {
			middle := from.Add(rateWindow)
			if within(arrivals, from, middle) >= fullRate && within(arrivals, middle, middle.Add(rateWindow)) >= fullRate {
				d.t.Logf("%s: first delivery after %s, full rate after %s", what,
					round(arrivals[0].Sub(since)), round(from.Sub(since)))
				return nil
			}
		}
		return fmt.Errorf("%d requests since", len(arrivals))
	})
}

func (d *trade) arrivalsAfter(since time.Time) (arrivals []time.Time) {
	for _, r := range d.Requests() {
		if r.Arrived.After(since) {
			arrivals = append(arrivals, r.Arrived)
		}
	}
	return arrivals
}

func within(arrivals []time.Time, from, to time.Time) (n int) {
	for _, a := range arrivals {
		if !a.Before(from) && a.Before(to) {
			n++
		}
	}
	return n
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// ends closes the shop, and checks what was promised. The workers are those that
// were there all the time.
func (d *trade) ends() {
	d.t.Helper()
	if d.shop != nil {
		d.shop.Close()
	}
	d.AtRest()
	d.calm()
	stopped(d.t, d.workers...)
	d.Check()
}

// calm checks that the workers said little about what happened, and that it is over.
func (d *trade) calm() {
	d.t.Helper()
	for _, w := range d.workers {
		pgtest.Eventually(d.t, time.Minute, w.Name+" to say that the database is back", func() error {
			if log := w.Log(); strings.LastIndex(log, complaint) > strings.LastIndex(log, relief) {
				return errors.New("it has not")
			}
			return nil
		})
		complaints := strings.Count(w.Log(), complaint)
		most, all := w.BusiestSecond(complaint), w.BusiestSecond("")
		d.t.Logf("%s said %d times that the database fails, %d times that it is back; in its busiest second it said %d lines, %d of them that",
			w.Name, complaints, strings.Count(w.Log(), relief), all, most)
		// One a second by its own clock; what it writes down may be a little nearer.
		if most > 2 || all > 6 {
			d.t.Errorf("%s said too much: %d lines in a second, %d of them that the database fails", w.Name, all, most)
		}
	}
}

// What a worker says of its database.
const (
	complaint = "the database does not do its part"
	relief    = "the database is back"
)

// undisturbed checks that no worker has met any failure.
func (d *trade) undisturbed() {
	d.t.Helper()
	for _, w := range d.workers {
		if strings.Contains(w.Log(), complaint) {
			d.t.Errorf("%s has met a failure:\n%s", w.Name, w.Log())
		}
	}
}

// asleep waits until a worker sleeps, and every commit rings for it.
func (d *trade) asleep() {
	d.t.Helper()
	d.Becomes("1", `select count(*) from pg_locks l where l.locktype = 'advisory' and l.classid = 1330791493 and l.objid = 1
		and l.objsubid = 2 and l.mode = 'ExclusiveLock' and l.granted
		and l.database = (select oid from pg_database where datname = current_database())`)
}

// delivered commits an order, and tells how long its notification took from there.
func (d *trade) delivered(what string) {
	d.t.Helper()
	n := len(d.Requests())
	id, committed := d.Enqueue("m-prompt"), time.Now()
	arrived(d.t, d.House, n+1)
	for _, r := range d.Requests() {
		if r.ID == id {
			d.t.Logf("%s: an order committed then is delivered after %s", what, round(max(0, r.Arrived.Sub(committed))))
			return
		}
	}
	d.t.Errorf("%s: something else was delivered", what)
}
