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
	// Undone is how often what its hook did was undone, since its row was not to be had
	// after it.
	Undone int
	// HookFault is why its hook counts as failed without being called: it was lost with the
	// connection that called it.
	HookFault string
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
	// HookFault is why its hook has failed, which is tried again; the row is pending.
	HookFault string
}

// Owed is a row that has come to its end, but whose hook has not worked yet.
type Owed struct {
	ID       ID
	Endpoint string
	Policy   string // which rules when it is tried again
}

// Lapse is an attempt whose lease has ended: nobody knows what came of it.
type Lapse struct {
	Claim  *Claim
	Worker string        // who held it
	Ago    time.Duration // how long ago the lease ended
}
