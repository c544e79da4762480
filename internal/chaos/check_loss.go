package chaos

import "slices"

// loss: every committed notification is unfinished and stands in the database, or
// has ended, and rightly so.
func (c *checker) loss(l *life) {
	if l.fate != Committed {
		return
	}
	switch {
	case l.notification == nil:
		c.object(NoLoss, l.id, "it was committed, and the database does not have it")
	case l.stands == nil && len(l.ends) == 0:
		c.object(NoLoss, l.id, "it was committed, and has neither a delivery row nor an ending")
	}
	for _, end := range l.ends {
		c.ending(l, end)
	}
}

func (c *checker) ending(l *life, end Finished) {
	switch end.State {
	case acknowledged:
		if !slices.ContainsFunc(l.requests, func(r Request) bool {
			return r.Acknowledges && r.Failure == "" && l.round(r.Attempt) == end.Round
		}) {
			c.object(NoLoss, l.id, "it ended acknowledged, and no merchant has acknowledged it")
		}
	case exhausted:
		spends := 0
		for _, s := range l.spending() {
			if s.spends && s.Round == end.Round {
				spends++
			}
		}
		if l.notification != nil && spends < len(l.notification.Ladder)+1 {
			c.object(NoLoss, l.id, "it ended exhausted after %d of %d attempts that spend", spends, len(l.notification.Ladder)+1)
		}
	case rejected:
		if len(l.attempts) == 0 || l.attempts[len(l.attempts)-1].Outcome != rejected {
			c.object(NoLoss, l.id, "it ended rejected, and no attempt was: %s", end.Reason)
		}
	case cancelled:
		if !l.cancelled {
			c.object(NoLoss, l.id, "it ended cancelled, which nobody asked for: %s", end.Reason)
		}
	default:
		c.object(NoLoss, l.id, "it ended %s, which nobody asked for: %s", end.State, end.Reason)
	}
}

// phantom: nothing was ever sent for a transaction that was rolled back.
func (c *checker) phantom(l *life) {
	if len(l.requests) == 0 || l.fate == Committed {
		return
	}
	if l.fate == "" {
		c.object(NoPhantom, l.id, "it was received %d times, and no shop has written it", len(l.requests))
		return
	}
	c.object(NoPhantom, l.id, "it was received %d times, and was rolled back", len(l.requests))
}

// away are the SQLSTATEs of a database that is away: an order that fails with one
// of them, or by its connection, would fail without Orderbell too.
var away = []string{
	"08000", "08001", "08003", "08004", "08006", "08P01", // connections
	"57P01", "57P02", "57P03", "57P05", // shutting down, crashed, starting, idle
	"25006", "53100", "53300", // read-only, disk full, too many connections
	"58030", // input or output failed
}

// harmless: no order fails because of Orderbell. That it is not slowed down is
// measured by the bench.
func (c *checker) harmless() {
	for _, o := range c.logs.Orders {
		if o.Fate != Failed || o.Code == "" || slices.Contains(away, o.Code) || slices.Contains(c.allowed.Codes, o.Code) {
			continue
		}
		c.object(Harmless, o.No, "it failed with %s: %s", o.Code, o.Error)
	}
}
