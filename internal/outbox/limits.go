package outbox

import "time"

// Want asks for a share of what all workers may do to an endpoint together.
type Want struct {
	Endpoint string
	// Slots is how many requests this worker wants to have in flight, those that it has
	// now among them. 0 gives back what it holds. Only of endpoints with a MaxInFlight.
	Slots int
	// Sends is how many requests it wants to begin now. Only of endpoints with a Rate.
	Sends int
}

// Grant is what a worker got of its Want.
type Grant struct {
	Endpoint string
	// Slots are this worker's own until its lease ends: as long as a row's, counted
	// from the database's now. 0 where others hold them all.
	Slots int
	// Sends may begin: the first one in First, and each after the one before by Every.
	// Where it is 0, the next one may be asked for in First.
	Sends        int
	First, Every time.Duration
}

// Breaking is a change of an endpoint's breaker.
type Breaking struct {
	Endpoint string
	// Open opens it, or leaves it open after a probe has failed, for longer from probe to
	// probe; otherwise it closes.
	Open bool
	// Unsent tells that a probe was not sent: another one may be, and no wait is doubled.
	Unsent bool
	// Reason is what the last attempt came to, for people to read.
	Reason string
}
