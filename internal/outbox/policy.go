package outbox

import "time"

// Methods and formats that a policy may name.
const (
	MethodPost = "POST"
	MethodGet  = "GET"

	FormatBody  = "body"  // the text as it is
	FormatForm  = "form"  // a JSON object as application/x-www-form-urlencoded
	FormatQuery = "query" // a JSON object appended to the URL's query; the body is empty

	SignatureNone = "none" // of policies and endpoints whose requests are not signed
)

// Policy says how a kind of endpoint is talked to: a row of orderbell.policy.
type Policy struct {
	Name   string
	Ladder Ladder
	// Acknowledge and Reject are rule expressions; an empty Reject never rejects.
	Acknowledge, Reject string
	Method, Format      string
	// Timeout bounds a whole attempt, from the look-up of the name to the last
	// byte of the answer.
	Timeout time.Duration
	// RetryAfterCap bounds how far an endpoint's Retry-After can lengthen a wait.
	RetryAfterCap time.Duration
	// Signature is the scheme that signs requests, "none" for none.
	Signature string
	// Fault is why the rows of this policy are parked, as the database has it.
	Fault string
}

// Endpoint is who is told: a row of orderbell.endpoint, and whether its breaker is open.
type Endpoint struct {
	ID, URL, Policy string
	// Headers are sent with every request to this endpoint.
	Headers map[string]string
	// Signature is the scheme that signs its requests; empty: the policy's.
	Signature string
	// Secrets are those that are valid, the newest first.
	Secrets []Secret
	// AnswerKey is the public key, or certificate, that verifies its answers; PEM, empty
	// where they are not verified.
	AnswerKey string
	// Action is the function of the database that its rows are an argument of, as
	// schema.function; empty where it is told over HTTP.
	Action string
	// ActionFault is why that function cannot be called; empty where it can.
	ActionFault string
	// BatchSize is the most notifications in one request; 0: each has its own. The first of
	// them has waited for BatchWait.
	BatchSize int
	BatchWait time.Duration
	// Fault is why its rows are parked, as the database has it.
	Fault string
	// MaxInFlight is how many requests may be in flight at once, over all workers; 0:
	// as many as they have slots for.
	MaxInFlight int
	// Rate is how many requests a second may begin, over all workers; 0: any number.
	Rate float64
	// Paused: nothing is sent, and its rows are kept.
	Paused bool
	// Open: its breaker is open. Nothing is sent but one probe, and that no sooner than
	// in ProbeIn.
	Open    bool
	ProbeIn time.Duration
}

// Secret is one version of an endpoint's secret, sealed under a master key.
type Secret struct {
	Version int    // from 1
	KeyID   string // of the master key
	Sealed  []byte
}
