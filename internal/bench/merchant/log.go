package merchant

import (
	"sync"
	"sync/atomic"
	"time"
)

// Count is what a merchant was sent since the last reset.
type Count struct {
	Requests int64 `json:"requests"`
	// First and Last are the arrivals of the first and the last request, in
	// nanoseconds since 1970; 0 where there was none.
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

// Arrival is a request that was noted.
type Arrival struct {
	ID string `json:"id"` // of the notification
	At int64  `json:"at"` // nanoseconds since 1970
}

// log counts requests. It is on the way of each of them.
type log struct {
	requests, first, last atomic.Int64

	mu       sync.Mutex
	arrivals []Arrival
}

// take counts a request that has come now; id is empty where it is not noted.
func (l *log) take(id string) {
	now := time.Now().UnixNano()
	if l.first.Load() == 0 {
		l.first.CompareAndSwap(0, now)
	}
	l.last.Store(now)
	if id != "" {
		l.mu.Lock()
		l.arrivals = append(l.arrivals, Arrival{ID: id, At: now})
		l.mu.Unlock()
	}
	l.requests.Add(1)
}

func (l *log) count() Count {
	return Count{Requests: l.requests.Load(), First: l.first.Load(), Last: l.last.Load()}
}

// noted returns the arrivals since it was last asked.
func (l *log) noted() []Arrival {
	l.mu.Lock()
	defer l.mu.Unlock()
	arrivals := l.arrivals
	l.arrivals = nil
	return arrivals
}

func (l *log) reset() {
	l.noted()
	l.requests.Store(0)
	l.first.Store(0)
	l.last.Store(0)
}
