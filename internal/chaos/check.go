package chaos

import (
	"fmt"
	"time"
)

// Invariant is something that must hold, whatever dies.
type Invariant string

// The invariants.
const (
	NoLoss            Invariant = "no loss"            // what was committed arrives, or stands in the database
	NoPhantom         Invariant = "no phantom"         // what was rolled back is never sent
	CompleteHistory   Invariant = "complete history"   // every request has its attempt row, and the rows tell the truth
	DuplicatesBounded Invariant = "duplicates bounded" // nothing is sent after its acknowledgement, unless a fault lay between
	Spacing           Invariant = "spacing"            // a wait is at least its rung
	Count             Invariant = "count"              // rungs are spent as they should be, and no more than there are
	NothingStuck      Invariant = "nothing stuck"      // at rest nothing waits that could go on
	InsertOnly        Invariant = "insert-only"        // history is never changed
	Harmless          Invariant = "harmless"           // no order fails because of Orderbell
	Bounded           Invariant = "bounded"            // what a worker uses stays bounded, and returns
)

// Invariants lists every invariant.
var Invariants = []Invariant{
	NoLoss, NoPhantom, CompleteHistory, DuplicatesBounded, Spacing, Count, NothingStuck, InsertOnly, Harmless, Bounded,
}

// Logs are what is held against each other.
type Logs struct {
	Orders   []Order   // the shops'
	Requests []Request // the merchants'
	Database Database  // read before the merchants' log, and after the shops have ended
	// Earlier is what the history was during the run.
	Earlier []History
	// Cancelled are the numbers of the orders that the scenario has cancelled.
	Cancelled []string
	// Living are the names of the workers that run.
	Living []string
	// Bounds are what was measured.
	Bounds []Bound
}

// Bound is one measure: Got may be Most at the most. Who compares before and
// after puts the first, and what may be added, into Most.
type Bound struct {
	What      string
	Got, Most int64
}

// Allowance is what the faults of a run excuse. The zero value excuses nothing.
type Allowance struct {
	Faults []Fault
	// Codes are the SQLSTATEs that orders may fail with, beyond those of a database
	// that is away.
	Codes []string
}

// Fault is one fault: acknowledgements that were given between From and To may
// have been forgotten, and their notifications sent again.
type Fault struct {
	Name string
	// Worker is the one whose attempts it excuses; empty: everybody's.
	Worker   string
	From, To time.Time
	// Most is how many: what the worker had in flight.
	Most int
}

// Violation is something that does not hold.
type Violation struct {
	Invariant Invariant
	// ID is the notification, the order, or what was measured.
	ID   string
	What string
}

func (v Violation) String() string { return fmt.Sprintf("%s: %s: %s", v.Invariant, v.ID, v.What) }

// Check holds the logs against each other and returns what does not hold, in an
// order that is the same for the same logs.
func Check(logs Logs, allowed Allowance) []Violation {
	c := &checker{logs: logs, allowed: allowed, lives: livesOf(logs)}
	for _, l := range c.lives {
		c.loss(l)
		c.phantom(l)
		c.history(l)
		c.spacing(l)
		c.count(l)
		c.stuck(l)
	}
	c.duplicates()
	c.insertOnly()
	c.harmless()
	c.bounded()
	return c.found
}

type checker struct {
	logs    Logs
	allowed Allowance
	lives   []*life
	found   []Violation
}

func (c *checker) object(i Invariant, id, format string, args ...any) {
	c.found = append(c.found, Violation{Invariant: i, ID: id, What: fmt.Sprintf(format, args...)})
}
