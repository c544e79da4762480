package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/bench/merchant"
)

// limits is whether two workers together keep the limits of endpoints, by the log of
// the merchant: with much to do, for longer than a lease.
type limits struct {
	length time.Duration
	rows   int // of each endpoint: more than its limits let through
}

func newLimits(o Options) limits {
	return limits{length: size(o, 10*time.Second, time.Second), rows: size(o, 1_500, 200)}
}

// ceiling is a kind of endpoint that has limits.
type ceiling struct {
	prefix string
	atOnce int           // max_in_flight; 0: none
	rate   float64       // rate_per_second; 0: none
	delay  time.Duration // until it answers
}

const (
	mostInFlight  = 5
	mostPerSecond = 50

	alike = 2 // endpoints of each kind
)

// ceilings are such that the limit is what holds them back: without it, 64 would be in
// flight, and thousands begun in a second.
func ceilings() []ceiling {
	return []ceiling{
		{prefix: "capped", atOnce: mostInFlight, delay: cappedDelay},
		{prefix: "paced", rate: mostPerSecond},
		{prefix: "both", atOnce: mostInFlight, rate: mostPerSecond, delay: 80 * time.Millisecond},
	}
}

// cappedDelay is what a request takes at those whose requests at once are limited.
const cappedDelay = 50 * time.Millisecond

// Figures of the limits.
const (
	figMostInFlight = "most in flight where 5 may be"
	figMostBegun    = "most begun in a second where 50 may be"
	figCappedRate   = "begun where 5 in flight may be"
	figCappedAll    = "5 every 50 ms"
	figPacedRate    = "begun where 50 a second may be"
	figPacedAll     = "50 every second"
)

func (limits) lines() []line {
	return []line{
		{figure: figMostInFlight, unit: "requests", target: countAtMost(mostInFlight)},
		{figure: figMostBegun, unit: "requests", target: countAtMost(mostPerSecond)},
		{figure: figCappedRate, unit: "/s", yardstick: figCappedAll},
		{figure: figPacedRate, unit: "/s", yardstick: figPacedAll},
	}
}

func (m limits) take(ctx context.Context, r *rig, b *book, d *database) error {
	b.say("two workers and endpoints with limits, for %s", m.length)
	if err := m.prepare(ctx, r, d); refused(err, notSupported) {
		for _, l := range m.lines() {
			b.note(l.figure, "this release has no such limits")
		}
		return nil
	} else if err != nil {
		return err
	}
	if err := m.work(ctx, r, d); err != nil {
		return err
	}
	noted, err := r.merchant.Noted()
	if err != nil {
		return err
	}
	byEndpoint, err := d.byEndpoint(ctx, noted)
	if err != nil {
		return err
	}
	sent, err := ask[int](ctx, d, "count who has sent", "select count(distinct worker) from orderbell.attempt")
	if err != nil {
		return err
	}
	if sent < 2 {
		b.note(figMostInFlight, "only one of the two workers has sent anything")
		b.say("only one of the two workers has sent anything")
	}
	return m.report(b, byEndpoint)
}

// prepare makes the endpoints with their limits, and their rows.
func (m limits) prepare(ctx context.Context, r *rig, d *database) error {
	if err := d.clear(ctx); err != nil {
		return err
	}
	for _, c := range ceilings() {
		if err := d.endpoints(ctx, c.prefix, alike, r.notedAfter(c.delay)); err != nil {
			return err
		}
		if err := d.run(ctx, "set limits", `
			update orderbell.endpoint set max_in_flight = nullif($2::int, 0), rate_per_second = nullif($3::float8, 0)
			where id like $1 || '-%'`, c.prefix, c.atOnce, c.rate); err != nil {
			return err
		}
		if err := d.preload(ctx, c.prefix, alike, alike*m.rows); err != nil {
			return err
		}
	}
	return nil
}

// work has two workers deliver for a while.
func (m limits) work(ctx context.Context, r *rig, d *database) error {
	if err := r.merchant.Reset(); err != nil {
		return err
	}
	one, err := r.startWorker(ctx, d, yardstickInFlight)
	if err != nil {
		return err
	}
	two, err := r.startWorker(ctx, d, yardstickInFlight)
	if err == nil {
		if _, err = r.waitForRequests(ctx, 1, one.ended); err == nil {
			err = pause(ctx, m.length)
		}
		_, err = two.end(err)
	}
	_, err = one.end(err)
	return err
}

// byEndpoint sorts arrivals by the endpoint of their notification.
func (d *database) byEndpoint(ctx context.Context, arrivals []merchant.Arrival) (map[string][]merchant.Arrival, error) {
	rows, err := d.pool.Query(ctx, "select id::text, endpoint from orderbell.notification")
	if err != nil {
		return nil, fmt.Errorf("read whose notifications they are: %w", err)
	}
	whose := map[string]string{}
	var id, endpoint string
	if _, err := pgx.ForEachRow(rows, []any{&id, &endpoint}, func() error {
		whose[id] = endpoint
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read whose notifications they are: %w", err)
	}
	sorted := map[string][]merchant.Arrival{}
	for _, a := range arrivals {
		if whose[a.ID] == "" {
			return nil, fmt.Errorf("the merchant was sent %q, which nobody wrote", a.ID)
		}
		sorted[whose[a.ID]] = append(sorted[whose[a.ID]], a)
	}
	return sorted, nil
}

// report writes down the worst endpoint of all, and what those got that have one limit.
func (m limits) report(b *book, byEndpoint map[string][]merchant.Arrival) error {
	atOnce, begun := 0, 0
	rates := map[string][]float64{}
	for _, c := range ceilings() {
		for number := 1; number <= alike; number++ {
			arrivals := byEndpoint[fmt.Sprintf("%s-%d", c.prefix, number)]
			if len(arrivals) == 0 {
				return errors.New("an endpoint with limits was sent nothing")
			}
			if len(arrivals) >= m.rows {
				b.say("%s-%d was sent all that it had: its limits were not what held it back to the end", c.prefix, number)
			}
			if c.atOnce > 0 {
				atOnce = max(atOnce, mostAtOnce(arrivals))
			}
			if c.rate > 0 {
				begun = max(begun, mostWithin(arrivals, time.Second))
			}
			rates[c.prefix] = append(rates[c.prefix], begunPerSecond(arrivals))
		}
	}
	b.add(figMostInFlight, float64(atOnce))
	b.add(figMostBegun, float64(begun))
	b.add(figCappedRate, median(rates["capped"]))
	b.add(figCappedAll, mostInFlight/cappedDelay.Seconds())
	b.add(figPacedRate, median(rates["paced"]))
	b.add(figPacedAll, mostPerSecond)
	return nil
}
