package demo

import (
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// standing is where the database says that a notification stands.
type standing struct {
	ID, OrderNo string
	State       outbox.State
	Attempts    int // begun
	Rung        int // rungs spent
}

// findings are what the comparison of the three logs came to. Each committed
// notification is in exactly one of acknowledged, unfinished, exhausted, withdrawn and
// lost.
type findings struct {
	acknowledged int // the merchant acknowledged it
	unfinished   int // the database still has it to do
	exhausted    int // it has had its whole ladder
	withdrawn    int // the shop has cancelled it, or has replaced it by a newer one
	lost         []string

	attempts          int      // requests for orders of this shop
	others            int      // requests for orders that this shop has never had
	duplicates        int      // requests after the merchant's acknowledgement
	sentForRolledBack []string // a line for each request
}

// subject is a notification as a request names it: both must be right.
type subject struct{ id, orderNo string }

// compare holds the shop's log, the merchants' and the database's against each
// other. It is pure. ladder is that of the
// policy of every notification.
func compare(ladder outbox.Ladder, orders []order, requests []request, standings []standing) findings {
	var f findings
	f.judgeRequests(orders, requests)
	acknowledged := acknowledgements(requests)
	stands := make(map[subject]standing, len(standings))
	for _, s := range standings {
		stands[subject{s.ID, s.OrderNo}] = s
	}
	for _, o := range orders {
		if o.fate != committed {
			continue
		}
		about := subject{o.id, o.no}
		stand, known := stands[about]
		_, received := acknowledged[about]
		switch {
		case received:
			f.acknowledged++
		case known && !stand.State.Finished():
			f.unfinished++
		case known && whole(ladder, stand):
			f.exhausted++
		case known && o.withdrawn && (stand.State == outbox.Cancelled || stand.State == outbox.Superseded):
			f.withdrawn++
		default:
			f.lost = append(f.lost, o.no)
		}
	}
	return f
}

// whole tells whether a notification ended after its whole ladder. Attempts
// alone would not do: an interrupted one counts and spends no rung.
func whole(ladder outbox.Ladder, s standing) bool {
	return s.State == outbox.Exhausted && s.Rung >= len(ladder) && s.Attempts >= ladder.Attempts()
}

// acknowledgements are the times at which merchants first acknowledged.
func acknowledgements(requests []request) map[subject]time.Duration {
	first := make(map[subject]time.Duration)
	for _, r := range requests {
		if !r.acknowledged {
			continue
		}
		about := subject{r.id, r.orderNo}
		if at, ok := first[about]; !ok || r.answered < at {
			first[about] = r.answered
		}
	}
	return first
}

func (f *findings) judgeRequests(orders []order, requests []request) {
	fateOf := fatesOf(orders)
	acknowledged := acknowledgements(requests)
	for _, r := range requests {
		fate, ours := fateOf[subject{r.id, r.orderNo}]
		if !ours {
			fate, ours = fateOf[subject{"", r.orderNo}]
		}
		if !ours {
			f.others++
			continue
		}
		f.attempts++
		if fate == rolledBack || fate == failed {
			f.sentForRolledBack = append(f.sentForRolledBack, r.orderNo)
		}
		if at, ok := acknowledged[subject{r.id, r.orderNo}]; ok && r.at > at {
			f.duplicates++
		}
	}
}

// fatesOf are what became of notifications and, with an empty id, of orders. An order that
// has several notifications was committed if one of them was.
func fatesOf(orders []order) map[subject]fate {
	of := make(map[subject]fate, 2*len(orders))
	for _, o := range orders {
		if o.id != "" {
			of[subject{o.id, o.no}] = o.fate
		}
		whole := subject{"", o.no}
		if before, seen := of[whole]; !seen || o.fate == committed || o.fate == unknown && before != committed {
			of[whole] = o.fate
		}
	}
	return of
}
