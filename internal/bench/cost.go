package bench

import (
	"context"
	"time"
)

// notHere says why a figure is missing.
const notHere = "the processor time of a given server, or outside Linux, cannot be read"

// cost is what something took of the database.
type cost struct {
	wal      float64 // bytes
	postgres time.Duration
	known    bool // postgres is
}

// cost measures what do takes.
func (r *rig) cost(ctx context.Context, d *database, do func() error) (cost, error) {
	wal, err := d.wal(ctx)
	if err != nil {
		return cost{}, err
	}
	cpu, _ := r.place.postgresCPU()
	if err := do(); err != nil {
		return cost{}, err
	}
	after, known := r.place.postgresCPU()
	walAfter, err := d.wal(ctx)
	return cost{wal: walAfter - wal, postgres: after - cpu, known: known}, err
}

// report writes down what so many deliveries of a drain cost.
func (c cost) report(b *book, rows int, drain string) {
	b.add(costWAL+drain, c.wal/float64(rows))
	b.addTime(costPg+drain, c, rows)
}

// addTime writes down the processor time of so many deliveries, or why it is missing.
func (b *book) addTime(figure string, c cost, rows int) {
	if !c.known {
		b.note(figure, notHere)
		return
	}
	b.add(figure, per10000(c.postgres, rows))
}

// per10000 is a time in seconds, for ten thousand of rows.
func per10000(d time.Duration, rows int) float64 { return d.Seconds() * 10_000 / float64(rows) }
