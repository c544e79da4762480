package postgres

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
)

// The values of orderbell.setting.wake.
const (
	WakeBell = "bell" // a commit wakes a sleeping worker
	WakePoll = "poll" // it never does; workers look every second
)

// SetWake says how workers are woken from now on, WakeBell or WakePoll; running
// ones learn it at once. It returns false where it has been so before.
func (db *DB) SetWake(ctx context.Context, wake string) (changed bool, err error) {
	row, err := queryOne[struct{ Changed bool }](ctx, db.reads, "set wake to "+wake, sqlSetWake,
		pgx.StrictNamedArgs{"wake": wake})
	return row.Changed, err
}

// wake is what the last look saw in orderbell.setting.wake.
type wake struct {
	mu      sync.Mutex
	word    string        // empty before the first look
	changed chan struct{} // closed when word is replaced
}

func newWake() *wake { return &wake{changed: make(chan struct{})} }

func (w *wake) see(poll bool) {
	word := WakeBell
	if poll {
		word = WakePoll
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.word != word {
		close(w.changed)
		w.word, w.changed = word, make(chan struct{})
	}
}

func (w *wake) last() (word string, changed <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.word, w.changed
}
