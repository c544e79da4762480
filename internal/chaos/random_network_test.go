package chaos_test

import (
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// halfOpenAtMost is how long a worker may believe in connections whose other end has
// vanished: TCP tells it after 4 s.
const halfOpenAtMost = 5 * time.Second

func (s *storm) delay(drawn step) bool {
	return s.disturb(drawn, func(p *chaos.Proxy) { p.Delay(time.Duration(5+drawn.choice%195) * time.Millisecond) })
}

func (s *storm) dropToClient(drawn step) bool {
	return s.cut(drawn, drawn.length, func(p *chaos.Proxy) { p.DropToClient(true) })
}

func (s *storm) dropToServer(drawn step) bool {
	return s.cut(drawn, drawn.length, func(p *chaos.Proxy) { p.DropToServer(true) })
}

// halfOpen leaves new connections as they are.
func (s *storm) halfOpen(drawn step) bool {
	return s.cut(drawn, min(drawn.length, halfOpenAtMost), (*chaos.Proxy).HalfOpen)
}

func (s *storm) vanish(drawn step) bool {
	return s.cut(drawn, drawn.length, func(p *chaos.Proxy) {
		p.Silent(true)
		p.HalfOpen()
	})
}

func (s *storm) refuse(drawn step) bool {
	return s.cut(drawn, drawn.length, func(p *chaos.Proxy) {
		p.Refuse(true)
		p.Reset()
	})
}

func (s *storm) reset(drawn step) bool {
	p, ok := s.connected(drawn.place)
	if !ok {
		return false
	}
	from := time.Now()
	p.proxy.Reset()
	s.flicker(s.living(p), "reset", from)
	return true
}

// connected is a place, or the next, whose proxy makes no fault now.
func (s *storm) connected(n int) (p *place, ok bool) {
	for i := range places {
		if p = s.places[(n+i)%places]; !p.cut {
			return p, true
		}
	}
	return nil, false
}

// disturb makes a fault of the network that keeps no worker from its database.
func (s *storm) disturb(drawn step, fault func(*chaos.Proxy)) bool {
	p, ok := s.connected(drawn.place)
	if !ok {
		return false
	}
	p.cut = true
	fault(p.proxy)
	s.after(drawn.length, func() {
		p.proxy.Heal()
		p.cut = false
	})
	return true
}

// cut makes one that does, for so long.
func (s *storm) cut(drawn step, away time.Duration, fault func(*chaos.Proxy)) bool {
	p, ok := s.connected(drawn.place)
	if !ok {
		return false
	}
	members := s.living(p)
	from := time.Now()
	s.disturb(drawn, fault)
	for _, m := range members {
		m.cuts = append(m.cuts, span{from, from.Add(away + recovering)})
		rows := s.inFlight(m)
		s.after(away, func() { m.trouble(drawn.kind.name, from, time.Now().Add(recovering), rows) })
	}
	return true
}

// flicker notes that workers have just lost connections which they can make again at once.
func (s *storm) flicker(members []*member, name string, from time.Time) {
	for _, m := range members {
		m.trouble(name, from, time.Now().Add(recovering), s.inFlight(m))
	}
}
