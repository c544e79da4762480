package worker

import (
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	firstPause = 50 * time.Millisecond
	// longestWait bounds the pause between tries: a worker goes on within a second of
	// the database's return.
	longestWait = 500 * time.Millisecond
	// lineEvery spaces the lines that tell of failures.
	lineEvery = time.Second
)

// faults tells of failures of the database: each once, at most a line a second, and
// then that it is over. Several goroutines meet them.
type faults struct {
	log *slog.Logger

	mu      sync.Mutex
	failing map[string]bool // what fails now
	told    map[string]bool // what was said of it since began
	began   time.Time       // when the first of them began to fail
	line    time.Time       // when something was last said
	streak  int
}

// meet notes how doing something went, and returns whether it failed.
func (f *faults) meet(doing string, err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.over(doing)
		return false
	}
	if len(f.failing) == 0 {
		f.failing, f.told, f.began = make(map[string]bool), make(map[string]bool), time.Now()
	}
	f.failing[doing] = true
	f.streak++
	f.tell(doing, err)
	return true
}

// tell says a failure that is new, unless something was said a moment ago: then it is
// said when it is met again.
func (f *faults) tell(doing string, err error) {
	said := err.Error()
	if f.told[said] || time.Since(f.line) < lineEvery {
		return
	}
	f.told[said], f.line = true, time.Now()
	line := []any{keyDoing, doing, keyError, said}
	var mendable interface{ Remedy() string }
	if errors.As(err, &mendable) {
		line = append(line, keyRemedy, mendable.Remedy())
	}
	f.log.Error("the database does not do its part; trying again", line...)
}

// fails tells whether doing something failed when it was last tried.
func (f *faults) fails(doing string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failing[doing]
}

// isAway tells a database that is away from one that refuses what it is given.
func isAway(err error) bool {
	var reason interface{ Away() bool }
	return errors.As(err, &reason) && reason.Away()
}

func (f *faults) over(doing string) {
	if !f.failing[doing] {
		return
	}
	delete(f.failing, doing)
	if len(f.failing) > 0 {
		return
	}
	f.streak = 0
	if len(f.told) > 0 {
		f.log.Info("the database is back", keyAfter, time.Since(f.began).Round(time.Millisecond).String())
		f.line = time.Now()
	}
}

// pause is how long to wait before the next try: longer from failure to failure, up
// to longestWait.
func (f *faults) pause() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return min(firstPause<<min(f.streak, 4), longestWait)
}
