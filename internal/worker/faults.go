package worker

import (
	"log/slog"
	"sync"
	"time"
)

const (
	firstPause  = 100 * time.Millisecond
	longestWait = time.Second
)

// faults tells of failures of the database: once until they change, and once when
// it is over. Several goroutines meet them.
type faults struct {
	log *slog.Logger

	mu     sync.Mutex
	known  map[string]string // what fails, and how
	streak int
}

// meet notes how doing something went, and returns whether it failed.
func (f *faults) meet(doing string, err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.over(doing)
		return false
	}
	if f.known == nil {
		f.known = make(map[string]string)
	}
	f.streak++
	if said := err.Error(); f.known[doing] != said {
		f.known[doing] = said
		f.log.Error("the database does not do its part; trying again", keyDoing, doing, keyError, said)
	}
	return true
}

func (f *faults) over(doing string) {
	if _, failed := f.known[doing]; !failed {
		return
	}
	delete(f.known, doing)
	if len(f.known) == 0 {
		f.streak = 0
		f.log.Info("the database is back")
	}
}

// pause is how long to wait before the next try: longer from failure to failure,
// a second at the most.
func (f *faults) pause() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return min(firstPause<<min(f.streak, 4), longestWait)
}
