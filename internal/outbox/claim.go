package outbox

import (
	"encoding/hex"
	"time"
)

// ID names a notification for ever: a UUIDv7, the same over attempts and replays.
type ID = [16]byte

// FormatID writes an id the way PostgreSQL does.
func FormatID(id ID) string {
	text := make([]byte, 0, 36)
	for i, b := range [][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, b)
	}
	return string(text)
}

// IDTime is when an id was made, to the millisecond.
func IDTime(id ID) time.Time {
	var ms int64
	for _, b := range id[:6] {
		ms = ms<<8 | int64(b)
	}
	return time.UnixMilli(ms)
}

// Claim is one attempt that has begun: a row that this worker holds by a lease,
// and everything that sending it needs. The id and the attempt's number are the
// fencing token that settling must name.
type Claim struct {
	ID       ID
	Attempt  int       // this attempt's number, from 1
	Round    int       // 0 in the first life, one more for each replay
	Rung     int       // rungs spent so far in this round
	Unknowns int       // attempts just before this one whose outcome is unknown, in a row
	Due      time.Time // when it was due: where its lane has got to

	Endpoint    string
	Event       string
	OrderNo     string
	URL         string // where to: the row's own, or else the endpoint's
	EndpointURL string // the same if it is the endpoint's; empty if the row brought its own
	ContentType string
	Body        string
	Headers     map[string]string // the endpoint's, overlaid with the row's own
	// Fault is why no request can be made of the row; empty where one can.
	Fault string

	// Signature and Secrets are the endpoint's; the policy says how to sign where
	// Signature is empty.
	Signature string
	Secrets   []Secret
	// At is when this attempt is made, by the database's clock.
	At time.Time
	// AnswerKey is the public key, or certificate, that verifies the endpoint's answers; PEM.
	AnswerKey string
	// Probe tells the endpoint that this is a test, about no order. No row is one.
	Probe bool

	// Alone: the row has a hook, so that it is settled in a transaction of its own, with
	// the answer's text.
	Alone bool

	// PolicyName is the policy that the row itself names, or empty: the endpoint's.
	PolicyName string
	Policy     *Policy
}
