package outbox

import (
	"encoding/hex"
	"fmt"
)

// ID names a notification for ever: a UUIDv7, the same over attempts and replays.
type ID = [16]byte

// FormatID writes an id the way PostgreSQL does.
func FormatID(id ID) string {
	s := hex.EncodeToString(id[:])
	return fmt.Sprintf("%s-%s-%s-%s-%s", s[:8], s[8:12], s[12:16], s[16:20], s[20:])
}

// Claim is one attempt that has begun: a row that this worker holds by a lease,
// and everything that sending it needs. The id and the attempt's number are the
// fencing token that settling must name.
type Claim struct {
	ID       ID
	Attempt  int // this attempt's number, from 1
	Round    int // 0 in the first life, one more for each replay
	Rung     int // rungs spent so far in this round
	Unknowns int // attempts just before this one whose outcome is unknown, in a row

	Endpoint    string
	Event       string
	OrderNo     string
	URL         string // where to: the row's own, or else the endpoint's
	EndpointURL string // the same if it is the endpoint's; empty if the row brought its own
	ContentType string
	Body        string
	Headers     map[string]string // the endpoint's, overlaid with the row's own

	// PolicyName is the policy that the row itself names, or empty: the endpoint's.
	PolicyName string
	Policy     *Policy
}
