package worker

import (
	"sync"
	"time"
)

// clock tells the database's time, by when it was last heard and our own monotonic clock
// since: signatures carry the time of the attempt, and workers' clocks differ.
type clock struct {
	mu          sync.Mutex
	said, heard time.Time
}

// set notes what the database's clock said to a question that was put at that time of ours.
func (c *clock) set(said, asked time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said, c.heard = said, asked
}

// now is the database's time, or our own where it was never heard.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.said.IsZero() {
		return time.Now()
	}
	return c.said.Add(time.Since(c.heard))
}
