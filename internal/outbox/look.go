package outbox

import "time"

// Look is what a look at the table of deliveries found.
type Look struct {
	// At is the database's time of the look; the next one begins there.
	At time.Time
	// Endpoints have something due, from that time on; a full look leaves it zero.
	Endpoints []string
	From      time.Time
	// Suspects are endpoints with a due row whose last attempts, FreeUnknowns or more,
	// are unknown: it may be what kills the workers.
	Suspects []string
	// Owed tells that hooks are to be called again.
	Owed bool
	// NextDue is how long until the next row falls due; 0 if none will.
	NextDue time.Duration

	// The rest is seen by a full look alone.

	// Queued tells that rows are due that wait for their turn in a sequence.
	Queued bool
	// Lapsed tells that some leases have ended.
	Lapsed bool
	// NextLeaseEnd is how long until the next lease of another worker may end; 0 if there
	// is none. OwnLeaseEnd is of the worker that looks.
	NextLeaseEnd, OwnLeaseEnd time.Duration
	// NextProbe is how long until the next open breaker lets a probe pass; 0 if none will.
	NextProbe time.Duration
}

// Lane asks a claim for rows of one endpoint.
type Lane struct {
	Endpoint string
	// From is the earliest due time of the rows to claim; zero: however early.
	From time.Time
	// Suspects asks for suspect rows instead of the others.
	Suspects bool
	// Take is the most rows to claim.
	Take int
	// Ahead is how long before its time a row may be claimed that waits for others to share
	// its request.
	Ahead time.Duration
	// Unsigned: the endpoint has nothing to sign with, and rows that name a policy that
	// signs are not claimed.
	Unsigned bool
	// Sendable is false where the endpoint's own policy is broken: only rows that
	// name another one are claimed.
	Sendable bool
}
