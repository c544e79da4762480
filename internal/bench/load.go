package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/orderbell/orderbell/internal/bench/merchant"
)

// load is orders at a steady rate to many endpoints, of which some may hang.
type load struct {
	name    string
	db      *database
	crowd   crowd
	cold    time.Duration // of orders after the worker's start
	warm    time.Duration // after that
	patient time.Duration // after the last order
}

// loadRate is how many orders a second come.
const loadRate = 200

// loaded is what came of the orders to healthy endpoints.
type loaded struct {
	orders   []committed
	healthy  []bool // of each order: its endpoint is
	began    time.Time
	arrivals map[string]merchant.Arrival
	givenUp  time.Time
	atOnce   int64 // requests that hung
}

// take starts a worker, which then has its orders at once.
func (l load) take(ctx context.Context, r *rig, b *book) error {
	if err := l.db.forget(ctx); err != nil {
		return err
	}
	if err := r.merchant.Reset(); err != nil {
		return err
	}
	first, _, err := producer{rate: 1, length: time.Second, commit: enqueue(l.crowd.ready())}.produce(ctx, l.db)
	if err != nil {
		return err
	}
	w, err := r.startWorker(ctx, l.db, yardstickInFlight)
	if err != nil {
		return err
	}
	found, err := l.run(ctx, r, w, first)
	if err == nil {
		err = l.void(found)
	}
	if _, err := w.end(err); err != nil {
		return fmt.Errorf("%s: %w", l.name, err)
	}
	l.report(b, found)
	return nil
}

// void tells why a load says nothing: a worker that sends nothing to anybody is as
// slow beside those that hang as without them. Where some do, orders may well be
// missing.
func (l load) void(f loaded) error {
	wanted := f.between(0, ever)
	switch {
	case l.name == loadQuiet && len(f.arrivals) < len(wanted):
		return fmt.Errorf("%d of %d orders did not arrive, though nobody hangs", len(wanted)-len(f.arrivals), len(wanted))
	case l.name == loadQuiet && f.atOnce > 0:
		return fmt.Errorf("%d requests hung, though nobody should", f.atOnce)
	case l.name != loadQuiet && f.atOnce == 0:
		return errors.New("no request was sent to those that hang")
	}
	return nil
}

// run commits the orders as soon as the worker has delivered its first one, and waits
// until they have arrived.
func (l load) run(ctx context.Context, r *rig, w *workerProcess, first []committed) (found loaded, err error) {
	if _, err := r.gather(ctx, first, time.Now().Add(stalled), w.ended); err != nil {
		return loaded{}, err
	}
	length := l.cold + l.warm
	plan := l.crowd.plan(max(int(loadRate*length.Seconds()), 1))
	p := producer{rate: loadRate, length: length, commit: enqueueEach(func(i int) string { return plan[i] })}
	found.began = time.Now()
	if found.orders, _, err = p.produce(ctx, l.db); err != nil {
		return loaded{}, err
	}
	var wanted []committed
	for i, endpoint := range plan {
		found.healthy = append(found.healthy, healthy(endpoint))
		if found.healthy[i] {
			wanted = append(wanted, found.orders[i])
		}
	}
	if found.arrivals, err = r.gather(ctx, wanted, time.Now().Add(l.patient), w.ended); err != nil {
		return loaded{}, err
	}
	found.givenUp = time.Now()
	count, err := r.merchant.Count()
	found.atOnce = count.Hanging
	return found, err
}

// between are the orders to healthy endpoints that were committed from one moment of
// the load on and before another.
func (f loaded) between(from, to time.Duration) []committed {
	var some []committed
	for i, order := range f.orders {
		if since := order.at.Sub(f.began); f.healthy[i] && since >= from && since < to {
			some = append(some, order)
		}
	}
	return some
}

const ever = time.Hour

func (l load) report(b *book, f loaded) {
	all, missing := waits(f.between(0, ever), f.arrivals, f.givenUp)
	b.latencies(all, l.name+ofP50, l.name+ofP99, l.name+ofMax)
	b.add(l.name+ofMissing, float64(missing))
	if missing > 0 {
		b.note(l.name+ofP99, fmt.Sprintf("%d of %d orders did not arrive within %s of the last, and count the time until then", missing, len(all), l.patient))
	}
	cold, _ := waits(f.between(0, l.cold), f.arrivals, f.givenUp)
	warm, _ := waits(f.between(l.cold, ever), f.arrivals, f.givenUp)
	b.part(cold, l.name+ofColdP99, l.name+ofColdMax)
	b.part(warm, l.name+ofWarmP99, l.name+ofWarmMax)
	b.add(l.name+ofHanging, float64(f.atOnce))
}

// part writes percentiles of a part of the orders into the book, or that there are none.
func (b *book) part(found []float64, p99, most string) {
	if len(found) == 0 {
		b.note(p99, "no order was committed then")
		b.note(most, "no order was committed then")
		return
	}
	b.add(p99, percentile(found, 99))
	b.add(most, slices.Max(found))
}
