package outbox

import "time"

// Outcome is what one attempt came to. The words are those of the enum
// orderbell.outcome; only Acknowledged is spelled like a state, and means that
// the policy's rule was true of the answer.
type Outcome string

// The outcomes of an attempt.
const (
	OutcomeAcknowledged Outcome = "acknowledged" // the acknowledgement rule was true
	OutcomeAnswered     Outcome = "answered"     // an answer, but not an acknowledgement; also one over the size cap
	OutcomeRejected     Outcome = "rejected"     // the reject rule was true, or the request cannot be made from this row
	OutcomeTimeout      Outcome = "timeout"      // the deadline passed, in any phase
	OutcomeUnreachable  Outcome = "unreachable"  // DNS, connect, TLS, reset, malformed or cut short
	OutcomeBlocked      Outcome = "blocked"      // the address policy forbade the address
	OutcomeInterrupted  Outcome = "interrupted"  // handed back by a worker: it was stopping, or could not send for a reason on our side
	OutcomeUnknown      Outcome = "unknown"      // the worker died or lost its lease; nobody knows what the endpoint saw
)

// Outcomes lists every outcome.
var Outcomes = []Outcome{
	OutcomeAcknowledged, OutcomeAnswered, OutcomeRejected, OutcomeTimeout,
	OutcomeUnreachable, OutcomeBlocked, OutcomeInterrupted, OutcomeUnknown,
}

// Result is what the courier brings back from one attempt: the outcome, and what
// the history needs to explain it.
type Result struct {
	Outcome Outcome
	// HTTPStatus is 0 where no status line came.
	HTTPStatus int
	// Error says in words why this is no acknowledgement; empty if it is one.
	Error string
	// Excerpt holds the first bytes of the answer, made safe for a text column.
	Excerpt string
	// Answer is the answer's body as it came, for hooks; only of claims that are settled
	// alone.
	Answer string
	// RetryAfter is what the endpoint asked for on 429 or 503; 0 if nothing.
	RetryAfter time.Duration
	// Connected tells that a connection was there: what failed, failed at the endpoint.
	Connected bool
	// Ours tells that nothing was sent for a reason on our side, such as an egress proxy
	// that is away, or too few descriptors: the outcome is OutcomeInterrupted.
	Ours bool
	// Parked tells that nothing was sent because it could not be signed: the outcome is
	// OutcomeInterrupted.
	Parked bool
	// Elapsed is the time from the start of the attempt to its outcome.
	Elapsed time.Duration
}
