package worker

import (
	"context"
	"log/slog"
	"math/bits"
	"sync"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	// openAfter is how many attempts in a row open a breaker that found nobody, or got no
	// answer in time.
	openAfter = 5
	// mostlyFails of the last recentOf attempts open it too.
	recentOf    = 20
	mostlyFails = 16
	// halfFails of them halve what may be in flight while it grows again.
	halfFails = 10
	// firstProbe follows the opening; each probe that fails doubles the wait, to lastProbe
	// at most. The same figures are in sql/break.sql.
	firstProbe = 5 * time.Second
	lastProbe  = time.Minute
	// firstWindow is how many requests may be in flight to an endpoint that is just back.
	// It doubles each second.
	firstWindow = 2
	growEvery   = time.Second
)

// breakers keeps endpoints alone that are not there: after some failures nothing is sent
// to them but a probe now and then, and their rows wait and spend no rung. Each worker
// counts for itself; that a breaker is open all workers know by the database, and one
// of them sends the probe. An endpoint that is back gets its backlog slowly.
type breakers struct {
	store  Limits
	most   int // requests in flight of this worker
	faults *faults
	log    *slog.Logger

	mu    sync.Mutex
	of    map[string]*health
	queue []outbox.Breaking
	more  chan struct{}
}

// health is what this worker knows of an endpoint that fails, or did.
type health struct {
	inRow  int    // attempts that failed, in a row
	recent uint32 // the last ones, a bit each: 1 has failed
	seen   int    // how many of them

	open    bool
	probeAt time.Time
	probes  int // that have failed
	// unwritten changes are not in the database yet; what was read before wrote says
	// nothing about them.
	unwritten int
	wrote     time.Time

	window int // 0: any number
	grown  time.Time
}

// admission is whether a lane may be served, by its breaker.
type admission int

const (
	passes  admission = iota
	probing           // one row, if this worker is the one to send it
	waiting
)

func newBreakers(store Limits, most int, faults *faults, log *slog.Logger) *breakers {
	return &breakers{store: store, most: most, faults: faults, log: log, of: make(map[string]*health), more: make(chan struct{}, 1)}
}

// admit says whether an endpoint may be sent to, by what was read of it at that time; or
// until when to wait.
func (b *breakers) admit(endpoint *outbox.Endpoint, read time.Time) (may admission, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.of[endpoint.ID]
	switch {
	case h != nil && (h.unwritten > 0 || read.Before(h.wrote)):
		// We know better than what was read.
	case endpoint.Open:
		h = b.know(endpoint.ID)
		h.open, h.probeAt = true, read.Add(endpoint.ProbeIn)
	case h != nil && h.open:
		h.shut() // another worker's probe went well, or somebody has resumed it
	}
	switch now := time.Now(); {
	case h == nil || !h.open:
		return passes, time.Time{}
	case now.Before(h.probeAt):
		return waiting, h.probeAt
	case h.unwritten > 0:
		return waiting, now.Add(othersRest)
	}
	return probing, time.Time{}
}

func (b *breakers) know(endpoint string) *health {
	h := b.of[endpoint]
	if h == nil {
		h = &health{}
		b.of[endpoint] = h
	}
	return h
}

// shut closes a breaker: the endpoint is back, and is not to be run over.
func (h *health) shut() {
	*h = health{window: firstWindow, grown: time.Now(), unwritten: h.unwritten, wrote: h.wrote}
}

// window is the most requests that may be in flight to an endpoint; 0 for any number.
func (b *breakers) window(endpoint string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch h := b.of[endpoint]; {
	case h == nil:
		return 0
	case h.open:
		return 1
	default:
		return h.window
	}
}

// isOpen tells whether nothing but a probe may be sent.
func (b *breakers) isOpen(endpoint string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.of[endpoint]
	return h != nil && h.open
}

// saw counts what an attempt came to.
func (b *breakers) saw(endpoint string, result *outbox.Result, probe bool) {
	failed := result.Outcome == outbox.OutcomeTimeout || result.Outcome == outbox.OutcomeUnreachable
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !failed && result.HTTPStatus != 0, result.Outcome == outbox.OutcomeAcknowledged, result.Outcome == outbox.OutcomeAnswered:
		b.well(endpoint)
	case failed:
		b.ill(endpoint, result.Error, probe)
	case probe:
		b.unsent(endpoint, result.Error)
	}
}

// giveUp gives back a probe of which nothing came: there was nothing to send.
func (b *breakers) giveUp(endpoint string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unsent(endpoint, "there was nothing to send")
}

// unsent lets the next probe pass where this one was not sent.
func (b *breakers) unsent(endpoint, why string) {
	h := b.know(endpoint)
	h.open, h.probeAt = true, time.Now().Add(firstProbe)
	b.change(h, outbox.Breaking{Endpoint: endpoint, Open: true, Unsent: true, Reason: why})
}

// ill counts a failure, and opens the breaker where there were enough.
func (b *breakers) ill(endpoint, why string, probe bool) {
	h := b.know(endpoint)
	h.inRow++
	h.recent = h.recent<<1 | 1
	h.seen = min(h.seen+1, recentOf)
	// One that merely loses a request now and then gets what it can take: halved at each
	// loss, a window never grew again where one request of ten was lost.
	if h.window > 0 && bits.OnesCount32(h.recent&(1<<recentOf-1)) >= halfFails {
		h.window = max(1, h.window/2)
	}
	switch {
	case h.open && probe:
		h.probes++
		h.probeAt = time.Now().Add(min(firstProbe<<min(h.probes, 10), lastProbe))
	case h.open:
		return // one that was on its way when it opened
	case h.inRow >= openAfter || h.seen == recentOf && bits.OnesCount32(h.recent&(1<<recentOf-1)) >= mostlyFails:
		h.open, h.probeAt, h.probes = true, time.Now().Add(firstProbe), 0
		b.log.Info("an endpoint's breaker opens: its rows wait", keyEndpoint, endpoint, keyError, why)
	default:
		return
	}
	b.change(h, outbox.Breaking{Endpoint: endpoint, Open: true, Reason: why})
}

// well counts an answer, whatever it says: somebody is there.
func (b *breakers) well(endpoint string) {
	h := b.of[endpoint]
	if h == nil {
		return
	}
	h.inRow = 0
	h.recent <<= 1
	h.seen = min(h.seen+1, recentOf)
	switch {
	case h.open:
		h.shut()
		b.log.Info("an endpoint's breaker closes: it answers again", keyEndpoint, endpoint)
		b.change(h, outbox.Breaking{Endpoint: endpoint})
	case h.window > 0 && time.Since(h.grown) >= growEvery:
		h.window, h.grown = 2*h.window, time.Now()
		if h.window >= b.most {
			h.window = 0
		}
	}
	if h.recent&(1<<recentOf-1) == 0 && h.window == 0 && h.unwritten == 0 {
		delete(b.of, endpoint)
	}
}

// change has something written to the database.
func (b *breakers) change(h *health, c outbox.Breaking) {
	h.unwritten++
	b.queue = append(b.queue, c)
	signal(b.more)
}

// run writes changes until ctx ends.
func (b *breakers) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.more:
		}
		for batch := b.take(); len(batch) > 0; batch = b.take() {
			if !b.write(ctx, batch) {
				return
			}
		}
	}
}

// take returns what is to be written, of each endpoint the first change.
func (b *breakers) take() (batch []outbox.Breaking) {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := make(map[string]bool)
	var rest []outbox.Breaking
	for _, c := range b.queue {
		if seen[c.Endpoint] {
			rest = append(rest, c)
			continue
		}
		seen[c.Endpoint] = true
		batch = append(batch, c)
	}
	b.queue = rest
	return batch
}

// write writes a batch, however often it takes; false where ctx ends first.
func (b *breakers) write(ctx context.Context, batch []outbox.Breaking) bool {
	for {
		err := b.store.Break(ctx, batch)
		if ctx.Err() != nil {
			return false
		}
		if !b.faults.meet("break", err) {
			break
		}
		sleep(ctx, b.faults.pause())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range batch {
		if h := b.of[c.Endpoint]; h != nil {
			h.unwritten--
			h.wrote = time.Now()
		}
	}
	return true
}
