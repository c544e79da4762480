package bench

import "context"

// measure is one question to this machine.
type measure interface {
	// name is what --only names it by.
	name() string
	// lines are what it reports.
	lines() []line
	// take measures, every round of it, and writes figures into the book.
	take(ctx context.Context, r *rig, b *book) error
}

// measures are all there is, in the order in which they are taken.
func measures(o Options) []measure {
	return []measure{
		newDrain(o),
		newPickup(o),
		newTax(o),
		newIdle(o),
		newGrowth(o),
		newPunctuality(o),
		newSnapshot(o),
		newMemory(o),
		newNeighbours(o),
		newSigning(o),
	}
}
