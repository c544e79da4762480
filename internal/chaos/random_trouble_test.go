package chaos_test

import (
	"slices"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

const (
	lease = 8 * time.Second
	// leaseKept is how long a worker may be away from its database, or not run at all,
	// and still renew every lease: they are renewed every 2.5 s. Whatever takes no
	// longer excuses nothing.
	leaseKept = lease - 2500*time.Millisecond
	// recovering is how long it may take to go on after that.
	recovering = time.Second
)

// trouble is a time in which a worker could not renew its leases, and what it had in
// flight.
type trouble struct {
	name     string
	from, to time.Time
	rows     []row
}

// trouble notes one.
func (m *member) trouble(name string, from, to time.Time, rows []row) {
	m.cuts = append(m.cuts, span{from, to})
	m.troubles = append(m.troubles, trouble{name: name, from: from, to: to, rows: rows})
	slices.SortStableFunc(m.troubles, func(a, b trouble) int { return a.from.Compare(b.from) })
}

// unheard is since when a worker may have answers that it could not settle: it dies with
// them. That is now, unless it is cut off, or was a moment ago.
func (m *member) unheard(now time.Time) time.Time {
	since := now
	for _, cut := range m.cuts {
		if !cut.to.Before(now) && cut.from.Before(since) {
			since = cut.from
		}
	}
	return since
}

// excuse tells the checker which troubles may have cost a worker its leases. What was
// in flight then may have been answered, could not be settled, and is sent again by
// others.
func (s *storm) excuse() {
	for _, m := range s.all {
		for _, t := range excused(m.troubles) {
			s.fault(chaos.Fault{
				Name: t.name + " " + m.Name, Worker: m.Name, From: t.from, To: t.to, Most: len(distinct(t.rows)),
			})
		}
	}
}

// excused are the troubles of a worker in which a lease may have ended. Several of them,
// one after the other, are one, so that no row counts twice.
func excused(troubles []trouble) []trouble {
	var found []trouble
	for _, t := range troubles {
		chain, away := before(troubles, t)
		switch last := len(found) - 1; {
		case away <= leaseKept:
		case last >= 0 && !chain.from.After(found[last].to):
			found[last].rows = append(found[last].rows, chain.rows...)
			found[last].to = latest(found[last].to, chain.to)
		default:
			found = append(found, chain)
		}
	}
	return found
}

// before puts a trouble together with those that fall into the lease before it, and
// tells how long the worker was away in all of them.
func before(troubles []trouble, t trouble) (chain trouble, away time.Duration) {
	chain = trouble{name: t.name, from: t.from, to: t.to}
	var until time.Time
	for _, o := range troubles {
		if o.to.Before(t.from.Add(-lease)) || o.from.After(t.to) {
			continue
		}
		if o.from.Before(chain.from) {
			chain.from = o.from
		}
		chain.rows = append(chain.rows, o.rows...)
		if begins := latest(o.from, until); o.to.After(begins) {
			away += o.to.Sub(begins)
			until = o.to
		}
	}
	return chain, away
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func distinct(rows []row) map[row]bool {
	found := make(map[row]bool)
	for _, r := range rows {
		found[r] = true
	}
	return found
}

func (s *storm) fault(f chaos.Fault) {
	s.allowed += f.Most
	s.h.Fault(f)
}
