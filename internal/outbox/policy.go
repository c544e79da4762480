package outbox

import "time"

// Methods and formats that a policy may name.
const (
	MethodPost = "POST"
	MethodGet  = "GET"

	FormatBody  = "body"  // the text as it is
	FormatForm  = "form"  // a JSON object as application/x-www-form-urlencoded
	FormatQuery = "query" // a JSON object appended to the URL's query; the body is empty
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
	// Fault is why the rows of this policy are parked, as the database has it.
	Fault string
}

// Endpoint is who is told: a row of orderbell.endpoint.
type Endpoint struct {
	ID, URL, Policy string
	// Headers are sent with every request to this endpoint.
	Headers map[string]string
}
