package worker

import (
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	// Our own network counts as gone when so many endpoints were tried within so long,
	// and not one was reached.
	goneEndpoints = 5
	goneWithin    = 5 * time.Second
	// goneOurs attempts that failed for a reason surely on our side do as well, of however
	// few endpoints; one alone does not, in case an endpoint finds out how to bring it about.
	goneOurs = 10
	// trialsAtOnce is how many rows at once may find out whether it is back.
	trialsAtOnce = 4
	// Endpoints that were tried in vain since it is gone are tried again, one in so long.
	firstTrial = time.Second
	lastTrial  = 5 * time.Second
	// networkLine spaces the lines that tell of it.
	networkLine = 10 * time.Second
)

// network tells faults of our own network from those of endpoints. While it is gone,
// nothing is sent but now and then a row that finds out whether it is back, and no rung
// is spent.
type network struct {
	log *slog.Logger

	mu     sync.Mutex
	misses map[string]time.Time // the endpoints, since somebody was reached
	ours   int                  // attempts of them that failed for a reason on our side
	down   bool
	since  time.Time
	line   time.Time // when something was last said
	said   bool      // of this time
	tried  map[string]bool
	trials int       // under way
	next   time.Time // when one may be tried again
	pause  time.Duration
}

// isDown tells whether our own network is gone.
func (n *network) isDown() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.down
}

// mayTry tells whether a row of an endpoint may find out whether the network is back: an
// endpoint that was not tried yet at once, since it may be that only the others are away.
func (n *network) mayTry(endpoint string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	switch {
	case n.trials >= trialsAtOnce:
		return false
	case !n.tried[endpoint]:
	case now.Before(n.next):
		return false
	default:
		n.next = now.Add(n.pause)
		n.pause = min(2*n.pause, lastTrial)
	}
	n.trials++
	if n.tried != nil {
		n.tried[endpoint] = true
	}
	return true
}

// untried ends a trial, if it is one.
func (n *network) untried(trial bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if trial {
		n.trials--
	}
}

// weigh says whether an attempt failed for want of a network of ours. Then it is ours, and
// spends no rung.
func (n *network) weigh(endpoint string, result *outbox.Result) {
	missed := !result.Connected && result.HTTPStatus == 0 &&
		(result.Outcome == outbox.OutcomeUnreachable || result.Outcome == outbox.OutcomeTimeout)
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case result.Connected || result.HTTPStatus != 0:
		n.reached()
	case missed && n.down:
		n.tried[endpoint] = true
		result.Outcome, result.Ours = outbox.OutcomeInterrupted, true
		result.Error = "nothing was sent: no endpoint can be reached from here; this one: " + result.Error
	case missed || result.Ours:
		n.miss(endpoint, result.Ours)
		if len(n.misses) >= goneEndpoints || n.ours >= goneOurs {
			n.gone(endpoint, fmt.Sprintf("none of %d endpoints could be reached; the last one: %s", len(n.misses), result.Error))
		}
	}
}

// miss notes that an endpoint was not reached, and forgets those of some time ago.
func (n *network) miss(endpoint string, ours bool) {
	if n.misses == nil {
		n.misses = make(map[string]time.Time)
	}
	now := time.Now()
	maps.DeleteFunc(n.misses, func(_ string, at time.Time) bool { return now.Sub(at) > goneWithin })
	if len(n.misses) == 0 {
		n.ours = 0
	}
	if ours {
		n.ours++
	}
	n.misses[endpoint] = now
}

// gone holds everything back.
func (n *network) gone(endpoint, why string) {
	if n.down {
		return
	}
	now := time.Now()
	n.down, n.since, n.tried = true, now, map[string]bool{endpoint: true}
	for missed := range n.misses {
		n.tried[missed] = true
	}
	n.next, n.pause = now.Add(firstTrial), 2*firstTrial
	n.said = now.Sub(n.line) >= networkLine
	if n.said {
		n.line = now
		n.log.Warn("our own network is gone: nothing is sent, and no rung is spent, until somebody can be reached", keyError, why)
	}
}

// reached lets everything go on.
func (n *network) reached() {
	clear(n.misses)
	n.ours = 0
	if !n.down {
		return
	}
	n.down, n.tried = false, nil
	if n.said {
		n.log.Info("our own network is back", keyAfter, time.Since(n.since).Round(time.Millisecond).String())
	}
}
