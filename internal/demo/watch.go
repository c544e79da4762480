package demo

import (
	"context"
	"time"
)

const (
	redrawEvery = 250 * time.Millisecond
	tellEvery   = 5 * time.Second
	// rateOver is the time over which attempts per second are counted.
	rateOver = 2 * time.Second
)

// picture is how the scene stands at one moment.
type picture struct {
	elapsed, selling, whole time.Duration
	stopping                bool
	orders                  [fates]int
	unfinished              unfinished
	merchants               []merchantLine
	attempts, acknowledged  int
	perSecond               float64
}

type merchantLine struct {
	temper    temper
	committed int
	merchantCount
}

// watch shows pictures until ctx ends: on the screen, or as lines where there is
// none. playing ends when it is time to stop.
func (p *play) watch(ctx, playing context.Context, screen *screen) {
	every := tellEvery
	if screen != nil {
		every = redrawEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	var last unfinished
	rate := rate{samples: []sample{{}}} // nothing at the beginning
	for ctx.Err() == nil {
		select {
		case <-ctx.Done(): // one more, of the end
		case <-tick.C:
		}
		if now, err := readUnfinished(context.WithoutCancel(ctx), p.db, p.tempers); err == nil {
			last = now
		}
		picture := p.look(last)
		picture.perSecond, picture.stopping = rate.of(picture.elapsed, picture.attempts), playing.Err() != nil
		if screen != nil {
			screen.draw(frame(picture))
		} else {
			tell(p.said, picture)
		}
	}
}

func (p *play) look(u unfinished) picture {
	pic := picture{
		elapsed: time.Since(p.began), selling: p.options.selling(), whole: p.options.For,
		unfinished: u, merchants: make([]merchantLine, len(p.tempers)),
	}
	shop, merchants := p.shop.log, p.merchants.log
	shop.mu.Lock()
	pic.orders = shop.fates
	for i, n := range shop.perMerchant {
		pic.merchants[i].committed = n
	}
	shop.mu.Unlock()
	merchants.mu.Lock()
	defer merchants.mu.Unlock()
	for i, n := range merchants.perMerchant {
		pic.merchants[i].temper, pic.merchants[i].merchantCount = p.tempers[i], n
		pic.attempts += n.attempts
		pic.acknowledged += n.acknowledged
	}
	return pic
}

// rate remembers counts of the last seconds.
type rate struct{ samples []sample }

type sample struct {
	at    time.Duration
	count int
}

// of adds a count and returns how many came per second.
func (r *rate) of(at time.Duration, count int) float64 {
	r.samples = append(r.samples, sample{at, count})
	for len(r.samples) > 2 && r.samples[1].at <= at-rateOver {
		r.samples = r.samples[1:]
	}
	first := r.samples[0]
	return float64(count-first.count) / max(at-first.at, time.Millisecond).Seconds()
}
