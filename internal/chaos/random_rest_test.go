package chaos_test

import "github.com/orderbell/orderbell/internal/chaos"

// rest is what a worker uses that has nothing to do: the most of all that live.
type rest struct {
	Descriptors int64 `json:"descriptors"`
	Connections int64 `json:"connections"`
	Goroutines  int64 `json:"goroutines"`
	Memory      int64 `json:"memory"` // resident, in bytes
}

// atRest asks all workers.
func (s *storm) atRest() rest {
	var most rest
	for _, m := range s.living(nil) {
		most.Descriptors = max(most.Descriptors, m.Descriptors())
		most.Connections = max(most.Connections, s.h.Connections(m.Worker))
		most.Memory = max(most.Memory, m.Memory())
	}
	return most
}

// returned has it checked that the workers use no more than they did before, and ends
// them.
func (s *storm) returned() rest {
	s.t.Helper()
	s.h.HangUp() // a worker keeps connections to merchants for a while
	room := int64(32 << 20)
	if chaos.Raced {
		room *= 10
	}
	for _, m := range s.living(nil) {
		s.h.Returns("descriptors of "+m.Name, s.before.Descriptors+poolConnections, m.Descriptors)
		s.h.Returns("memory of "+m.Name, s.before.Memory+room, m.Memory)
	}
	after := s.atRest()
	for _, m := range s.living(nil) {
		s.h.Returns("connections of "+m.Name, poolConnections, func() int64 { return s.h.Connections(m.Worker) })
		// The goroutines that deliver are kept, one for each slot, and there are four
		// times as many slots for slow endpoints.
		n := m.Goroutines()
		after.Goroutines = max(after.Goroutines, n)
		s.h.Bound("goroutines of "+m.Name, n, s.before.Goroutines+5*int64(m.Concurrency)+poolConnections)
	}
	return after
}
