package api

import (
	"context"
	"log/slog"
	"maps"
	"time"
)

const (
	// margin is taken off each horizon: enqueue() makes an id a moment before its transaction
	// shows, and clocks are set back a little.
	margin = time.Second
	// fresh is how long a horizon is used again. An old one holds back more, never less.
	fresh = 250 * time.Millisecond
	// near is how exactly the age of an open order must be known.
	near = time.Second
	// mostAge is how old an order is taken to be that was open before this process first
	// looked, and whose age cannot be seen.
	mostAge = time.Hour
	// late is how far back a horizon may lie before it is told of.
	late = time.Minute
)

// pauses between looks at orders whose age is not known: most have ended by the next.
var pauses = []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond, 80 * time.Millisecond, 160 * time.Millisecond}

// horizon knows how far pages may go. Ids are ordered by the time at which they are made, and
// transactions commit in any order: what lies before the horizon cannot be overtaken any
// more, because every transaction that could do so has ended.
type horizon struct {
	db  Database
	log *slog.Logger
	// turn is held by whoever looks, and guards what follows.
	turn chan struct{}

	last    time.Time            // by our clock: when the last look was sent; zero: there was none
	done    time.Time            // by our clock: when it came back
	at      time.Time            // by the database's clock: just before it looked
	open    map[string]time.Time // what was open then, and since when at the earliest
	before  time.Time            // the horizon
	holding string               // the order that was told of, because it holds pages back
}

func newHorizon(db Database, log *slog.Logger) *horizon {
	return &horizon{db: db, log: log, turn: make(chan struct{}, 1)}
}

// read returns an instant before which every notification that will ever be is committed. A
// page must be read after it.
func (h *horizon) read(ctx context.Context) (time.Time, error) {
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
	if !h.done.IsZero() && time.Since(h.done) < fresh {
		return h.before, nil
	}
	strangers, err := h.look(ctx)
	for i := 0; err == nil && i < len(pauses) && h.anyOpen(strangers); i++ {
		select {
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		case <-time.After(pauses[i]):
		}
		_, err = h.look(ctx)
	}
	if err != nil {
		return time.Time{}, err
	}
	h.tell()
	return h.before, nil
}

func (h *horizon) anyOpen(names []string) bool {
	for _, name := range names {
		if _, open := h.open[name]; open {
			return true
		}
	}
	return false
}

// look asks which orders are open, and works out the horizon. It returns those that were not
// known and may have begun long ago.
func (h *horizon) look(ctx context.Context) (strangers []string, err error) {
	sent := time.Now()
	at, open, err := h.db.OpenOrders(ctx)
	if err != nil {
		return nil, err
	}
	known, floor := h.open, h.floor(at)
	since := make(map[string]time.Time, len(open))
	for _, order := range open {
		began, met := known[order.Name]
		if !met {
			began = h.begin(order, open, at, floor)
			if at.Sub(began) > near {
				strangers = append(strangers, order.Name)
			}
		}
		if met {
			began = earlier(began, floor) // where the clock was set back, it makes earlier ids now
		}
		since[order.Name] = began
	}
	h.last, h.done, h.at, h.open = sent, time.Now(), at, since
	h.before = at
	for began := range maps.Values(since) {
		h.before = earlier(h.before, began)
	}
	h.before = h.before.Add(-margin)
	return strangers, nil
}

// floor is the earliest time, by the database's clock, at which an order can have begun that
// the last look did not show. Two clocks are asked, and the earlier answer taken, so that
// one that is set back or forward in between does no harm.
func (h *horizon) floor(at time.Time) time.Time {
	if h.last.IsZero() {
		return at.Add(-mostAge)
	}
	return earlier(h.at, at.Add(-time.Since(h.last)))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// begin is when an order that was not known has begun, at the earliest.
func (h *horizon) begin(order OpenOrder, open []OpenOrder, at, floor time.Time) time.Time {
	first := h.last.IsZero()
	switch {
	case order.PID == 0:
		return h.beginPrepared(order, open, floor)
	case order.Began == nil || order.Began.After(at): // a session that is further by now
		return floor
	case first || order.Began.After(floor):
		return *order.Began
	}
	return floor
}

// beginPrepared is that of a prepared one, which has a new name: it may be any order that the
// last look showed and this one does not.
func (h *horizon) beginPrepared(order OpenOrder, open []OpenOrder, floor time.Time) time.Time {
	if h.last.IsZero() {
		if order.PreparedAt != nil {
			floor = earlier(floor, order.PreparedAt.Add(-mostAge))
		}
		return floor
	}
	gone := maps.Clone(h.open)
	for _, still := range open {
		delete(gone, still.Name)
	}
	for began := range maps.Values(gone) {
		floor = earlier(floor, began)
	}
	return floor
}

// tell says once which order holds pages back for long.
func (h *horizon) tell() {
	holding := ""
	if h.at.Sub(h.before) > late {
		for name, began := range h.open {
			if began.Add(-margin).Equal(h.before) {
				holding = name
			}
		}
	}
	if holding != "" && holding != h.holding {
		h.log.Warn("merchants who pull wait for a transaction that is open and has written notifications",
			"virtualtransaction", holding, "since", h.before.Add(margin).UTC())
	}
	h.holding = holding
}
