package delivery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	mostInBatch   = 100
	maxBatchBytes = 1 << 20           // of a body; a notification that is over it has one of its own
	batchEvent    = "orderbell.batch" // of several events, where a signature's form wants one
)

// DeliverBatch makes one attempt at each of several notifications, together in as few
// requests as may be, and returns the results in the order of the claims. Claims share a
// request that differ in nothing but what is told: same endpoint, URL, headers, content
// type, policy and signature, the policy of method POST and format body. A request has at
// most 100 of them, and a body of 1 MB. What cannot be put in a batch is delivered by
// itself, and what could and is alone is a batch of one. The requests are made one after
// the other, each within its policy's timeout; it never panics.
func (c *Courier) DeliverBatch(ctx context.Context, claims []*outbox.Claim) []outbox.Result {
	results := make([]outbox.Result, len(claims))
	for _, b := range batches(claims) {
		if !b.together {
			results[b.places[0]] = c.Deliver(ctx, b.claims[0])
			continue
		}
		for i, r := range c.deliverBatch(ctx, b, nil) {
			results[b.places[i]] = r
		}
		b.body.Reset()
	}
	return results
}

// batch is some claims that share a request.
type batch struct {
	claims   []*outbox.Claim
	places   []int           // where they are in the list that they come from
	together bool            // else it is one claim, for an ordinary request
	body     strings.Builder // a JSON array that is still open
}

// batches splits a list. Claims that may share a request come together in their order,
// whatever is between them.
func batches(claims []*outbox.Claim) []*batch {
	var all, open []*batch // open has the last of each kind
	for place, claim := range claims {
		if !batchable(claim) {
			all = append(all, &batch{claims: []*outbox.Claim{claim}, places: []int{place}})
			continue
		}
		text := element(claim)
		at := slices.IndexFunc(open, func(b *batch) bool { return alike(b.claims[0], claim) })
		switch {
		case at < 0:
			at, open = len(open), append(open, nil)
			fallthrough
		case !open[at].takes(text):
			open[at] = &batch{together: true}
			all = append(all, open[at])
		}
		open[at].add(claim, place, text)
	}
	return all
}

// batchable tells whether a claim can be one of several in a request. Who signs its answers
// is asked about one thing at a time.
func batchable(claim *outbox.Claim) bool {
	if claim == nil || claim.Policy == nil || claim.Policy.Method != outbox.MethodPost || claim.Policy.Format != outbox.FormatBody {
		return false
	}
	scheme, err := schemeOf(claim.Signature, claim.Policy)
	return err == nil && !scheme.Verifies()
}

// alike tells whether two claims may share a request.
func alike(a, b *outbox.Claim) bool {
	return a.Endpoint == b.Endpoint && a.URL == b.URL && a.EndpointURL == b.EndpointURL && a.ContentType == b.ContentType &&
		a.Signature == b.Signature && a.Probe == b.Probe && maps.Equal(a.Headers, b.Headers) &&
		slices.EqualFunc(a.Secrets, b.Secrets, sameSecret) && samePolicy(a.Policy, b.Policy)
}

// samePolicy compares what a request and its judgement are made by: a policy that was read
// again is the same.
func samePolicy(a, b *outbox.Policy) bool {
	return a == b || a.Name == b.Name && a.Acknowledge == b.Acknowledge && a.Reject == b.Reject && a.Signature == b.Signature && a.Timeout == b.Timeout
}

func (b *batch) takes(text []byte) bool {
	return b != nil && len(b.claims) < mostInBatch && b.body.Len()+len(text)+len(",]") <= maxBatchBytes
}

func (b *batch) add(claim *outbox.Claim, place int, text []byte) {
	separator := byte(',')
	if len(b.claims) == 0 {
		separator = '['
	}
	b.body.WriteByte(separator)
	b.body.Write(text)
	b.claims, b.places = append(b.claims, claim), append(b.places, place)
}

// element is a notification in a batch.
func element(claim *outbox.Claim) []byte {
	var body any = claim.Body
	if utf8.ValidString(claim.Body) && json.Valid([]byte(claim.Body)) {
		body = json.RawMessage(claim.Body)
	}
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false)
	// Texts and JSON that was looked at: there is nothing that cannot be written.
	_ = to.Encode(struct {
		ID      string `json:"id"`
		Attempt int    `json:"attempt"`
		Event   string `json:"event"`
		OrderNo string `json:"order_no"`
		Body    any    `json:"body"`
	}{outbox.FormatID(claim.ID), claim.Attempt, claim.Event, claim.OrderNo, body})
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// close makes the batch one notification: the first, with all of them in its body.
func (b *batch) close() *outbox.Claim {
	whole := *b.claims[0]
	b.body.WriteByte(']')
	whole.Body, whole.ContentType = b.body.String(), "application/json"
	if len(b.claims) > 1 {
		whole.ID = b.id()
	}
	if slices.ContainsFunc(b.claims, func(c *outbox.Claim) bool { return c.Event != whole.Event }) {
		whole.Event = batchEvent
	}
	return &whole
}

// id tells one batch from every other: a receiver that takes the first notification's id for
// the message's would take another batch that begins with it for one that it has had.
func (b *batch) id() (id outbox.ID) {
	h := sha256.New()
	for _, claim := range b.claims {
		h.Write(claim.ID[:])
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(claim.Attempt)))
	}
	copy(id[:], h.Sum(nil))
	return id
}

// deliverBatch makes one request, and says what it came to for each claim.
func (c *Courier) deliverBatch(ctx context.Context, b *batch, x *exchange) (results []outbox.Result) {
	start := time.Now()
	results = make([]outbox.Result, len(b.claims))
	defer func() {
		if p := recover(); p != nil {
			fill(results, failedHere(p))
		}
		elapsed := time.Since(start)
		for i := range results {
			results[i].Elapsed = elapsed
		}
	}()
	var heard heard
	if r := c.ask(ctx, b.close(), len(b.claims), x, &heard); !heard.whole {
		fill(results, r)
		return results
	}
	for i, answer := range heard.parts(len(b.claims)) {
		x.came(answer)
		results[i] = heard.result(b.claims[i], answer)
	}
	return results
}

func fill(results []outbox.Result, r outbox.Result) {
	for i := range results {
		results[i] = r
	}
}

// parts are what each of n notifications was answered: an array's elements if it has
// exactly as many, else the same for all.
func (a answer) parts(n int) []answer {
	parts := make([]answer, n)
	elements := a.elements(n)
	for i := range parts {
		if parts[i] = a; elements != nil {
			parts[i].body = elements[i]
		}
	}
	return parts
}

// elements are those of a body that is an array of n, or nil: a text's own, and others as
// compact JSON.
func (a answer) elements(n int) []string {
	var raw []json.RawMessage
	text := bytes.Trim([]byte(a.body), " \t\r\n\ufeff")
	if a.truncated || json.Unmarshal(text, &raw) != nil || len(raw) != n {
		return nil
	}
	texts := make([]string, n)
	for i, one := range raw {
		var compact bytes.Buffer
		if json.Unmarshal(one, &texts[i]) == nil && one[0] == '"' {
			continue
		}
		if json.Compact(&compact, one) != nil {
			return nil
		}
		texts[i] = compact.String()
	}
	return texts
}
