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
	// Hanging is the most requests that hung at once, on the path that never answers.
	Hanging int64 `json:"hanging"`
}

// Arrival is a request that was noted.
type Arrival struct {
	ID string `json:"id"` // of the notification
	At int64  `json:"at"` // nanoseconds since 1970
	// Answered is when its answer was about to be written, like At; 0 where that
	// has not come yet.
	Answered int64 `json:"answered,omitempty"`
}

// log counts requests. It is on the way of each of them.
type log struct {
	requests, first, last atomic.Int64
	hanging, mostHanging  atomic.Int64

	mu       sync.Mutex
	arrivals []*Arrival
}

// take counts a request that has come now, and returns what was noted of it; id is
// empty where nothing is.
func (l *log) take(id string) (noted *Arrival) {
	now := time.Now().UnixNano()
	if l.first.Load() == 0 {
		l.first.CompareAndSwap(0, now)
	}
	l.last.Store(now)
	if id != "" {
		noted = &Arrival{ID: id, At: now}
		l.mu.Lock()
		l.arrivals = append(l.arrivals, noted)
		l.mu.Unlock()
	}
	l.requests.Add(1)
	return noted
}

// answer notes that an answer is written next. Not after it was: whoever has it may
// begin another request sooner than that could be noted.
func (l *log) answer(noted *Arrival) {
	if noted == nil {
		return
	}
	l.mu.Lock()
	noted.Answered = time.Now().UnixNano()
	l.mu.Unlock()
}

// hang counts one more that hangs; false where there are enough of them.
func (l *log) hang() bool {
	now := l.hanging.Add(1)
	if now > mostHanging {
		l.hanging.Add(-1)
		return false
	}
	for most := l.mostHanging.Load(); now > most && !l.mostHanging.CompareAndSwap(most, now); {
		most = l.mostHanging.Load()
	}
	return true
}

// unhang takes it back: the other end has given up.
func (l *log) unhang() { l.hanging.Add(-1) }

func (l *log) count() Count {
	return Count{Requests: l.requests.Load(), First: l.first.Load(), Last: l.last.Load(), Hanging: l.mostHanging.Load()}
}

// noted returns the arrivals since it was last asked.
func (l *log) noted() []Arrival {
	l.mu.Lock()
	defer l.mu.Unlock()
	arrivals := make([]Arrival, len(l.arrivals))
	for i, a := range l.arrivals {
		arrivals[i] = *a
	}
	l.arrivals = nil
	return arrivals
}

func (l *log) reset() {
	l.noted()
	l.requests.Store(0)
	l.first.Store(0)
	l.last.Store(0)
	l.mostHanging.Store(l.hanging.Load())
}
