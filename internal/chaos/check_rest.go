package chaos

import (
	"slices"
	"time"
)

// overdue is how long after its time a row may wait before it counts as stuck.
const overdue = 5 * time.Second

// stuck: at rest no row waits that could go on.
func (c *checker) stuck(l *life) {
	if l.stands == nil {
		return
	}
	now := c.logs.Database.Now
	switch l.stands.State {
	case inFlight:
		living := func(name string) bool { return isOf(l.stands.ClaimedBy, name) }
		if !slices.ContainsFunc(c.logs.Living, living) {
			c.object(NothingStuck, l.id, "it is in flight with %s, which does not run", l.stands.ClaimedBy)
		} else if late := now.Sub(l.stands.LeasedUntil); late > overdue {
			c.object(NothingStuck, l.id, "its lease with %s ended %s ago", l.stands.ClaimedBy, late)
		}
	case pending:
		late := now.Sub(l.stands.Due)
		if late > overdue && (l.notification == nil || !l.notification.Halted) {
			c.object(NothingStuck, l.id, "it has been due for %s", late)
		}
	}
}

// bounded: what was measured is within its bounds.
func (c *checker) bounded() {
	for _, b := range c.logs.Bounds {
		if b.Got > b.Most {
			c.object(Bounded, b.What, "%d, and %d at the most", b.Got, b.Most)
		}
	}
}
