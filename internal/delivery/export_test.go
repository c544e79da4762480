package delivery

import (
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// LookAgain lets the next handshake look at the files, however short ago the last
// look was.
func (c *Credentials) LookAgain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = time.Time{}
}

// BatchBody is the body of a batch of all these claims.
func BatchBody(claims []*outbox.Claim) string {
	return batches(claims)[0].close().Body
}
