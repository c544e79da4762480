package outbox

import "time"

// Settlement is an attempt that is to be recorded, and where its row goes.
type Settlement struct {
	Claim   *Claim
	Result  Result
	Verdict Verdict
	// Began is when the attempt began, by this process's own clock.
	Began time.Time
	// Worker made the attempt: ourselves, or the one that lost its lease.
	Worker string
	// Sent tells that it was sent to the database before: whether it was recorded
	// is not known.
	Sent bool
}

// Settled is a row that a settlement has moved.
type Settled struct {
	ID ID
	// State may differ from the verdict's: a row that was cancelled while it was
	// in flight ends cancelled.
	State  State
	Reason string
}

// Lapse is an attempt whose lease has ended: nobody knows what came of it.
type Lapse struct {
	Claim  *Claim
	Worker string        // who held it
	Ago    time.Duration // how long ago the lease ended
}
