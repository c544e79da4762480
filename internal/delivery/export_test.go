package delivery

import "time"

// LookAgain lets the next handshake look at the files, however short ago the last
// look was.
func (c *Credentials) LookAgain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = time.Time{}
}
