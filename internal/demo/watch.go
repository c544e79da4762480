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
	// scenes are the lines of the others than notify.
	scenes []string
}

type merchantLine struct {
	temper    temper
	committed int
	merchantCount
}

// watch shows pictures until ctx ends: on the screen, or as lines where there is
// none. playing ends when it is time to stop.
func (s *stage) watch(ctx, playing context.Context, screen *screen) {
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
		if s.notify != nil {
			if now, err := readUnfinished(context.WithoutCancel(ctx), s.db, s.notify.tempers); err == nil {
				last = now
			}
		}
		picture := s.look(context.WithoutCancel(ctx), last)
		picture.perSecond, picture.stopping = rate.of(picture.elapsed, picture.attempts), playing.Err() != nil
		if screen != nil {
			screen.draw(frame(picture))
		} else {
			tell(s.said, picture)
		}
	}
}

func (s *stage) look(ctx context.Context, u unfinished) picture {
	p := picture{elapsed: time.Since(s.began), selling: s.options.selling(), whole: s.options.For, unfinished: u}
	for _, scene := range s.scenes {
		if line := scene.line(ctx); line != "" {
			p.scenes = append(p.scenes, line)
		}
	}
	if s.notify != nil {
		s.notify.look(&p)
	}
	return p
}

func (n *notify) look(p *picture) {
	p.merchants = make([]merchantLine, len(n.tempers))
	shop, merchants := n.shop.log, n.merchants.log
	shop.mu.Lock()
	p.orders = shop.fates
	for i, n := range shop.perMerchant {
		p.merchants[i].committed = n
	}
	shop.mu.Unlock()
	merchants.mu.Lock()
	defer merchants.mu.Unlock()
	for i, count := range merchants.perMerchant {
		p.merchants[i].temper, p.merchants[i].merchantCount = n.tempers[i], count
		p.attempts += count.attempts
		p.acknowledged += count.acknowledged
	}
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
