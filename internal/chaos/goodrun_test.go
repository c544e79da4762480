package chaos_test

import (
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// at is a moment of the run, in milliseconds from its beginning.
func at(ms int) time.Time {
	return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC).Add(time.Duration(ms) * time.Millisecond)
}

// runLog puts the logs of a run together, a notification at a time. An attempt takes
// 10 ms; the ladder is 1 s, 2 s.
type runLog struct{ chaos.Logs }

// order writes an order with one notification, which has its name.
func (l *runLog) order(id string, fate chaos.Fate, inDatabase bool) {
	l.Orders = append(l.Orders, chaos.Order{No: "order of " + id, Fate: fate, IDs: []string{id}})
	if inDatabase {
		l.Database.Notifications = append(l.Database.Notifications, chaos.Notification{
			ID: id, Endpoint: "m-1", Ladder: []time.Duration{time.Second, 2 * time.Second},
		})
	}
}

// attempt records one, by w1, that began at ms.
func (l *runLog) attempt(id string, number, round, ms int, outcome string, status int) {
	l.Database.Attempts = append(l.Database.Attempts, chaos.Attempt{
		ID: id, Attempt: number, Round: round, Began: at(ms), Took: 10 * time.Millisecond,
		Outcome: outcome, Status: status, Worker: "w1",
	})
}

// request has the merchant receive one 2 ms after ms, and answer 6 ms later; status
// 0 is no answer, 200 an acknowledgement.
func (l *runLog) request(id string, number, ms, status int) {
	r := chaos.Request{ID: id, Attempt: number, Endpoint: "m-1", Arrived: at(ms + 2), Status: status, Acknowledges: status == 200}
	if status != 0 {
		r.Answered = at(ms + 8)
	}
	l.Requests = append(l.Requests, r)
}

// told is an attempt that was received, answered and recorded.
func (l *runLog) told(id string, number, round, ms int, outcome string, status int) {
	l.attempt(id, number, round, ms, outcome, status)
	l.request(id, number, ms, status)
}

func (l *runLog) finished(id string, round int, state, reason string, attempts, rung int) {
	l.Database.Finished = append(l.Database.Finished, chaos.Finished{
		ID: id, Round: round, State: state, Reason: reason, Attempts: attempts, Rung: rung, At: at(30_000),
	})
}

// goodRun is a run in which w1 was killed at 10 s and everything went as it should.
func goodRun() (chaos.Logs, chaos.Allowance) {
	l := &runLog{}
	l.Database.Now = at(60_000)
	l.Living = []string{"w2"}
	l.Bounds = []chaos.Bound{{What: "descriptors", Got: 10, Most: 10}}
	l.plain()
	l.unclear()
	l.killed()
	earlier := chaos.History{Attempts: l.Database.Attempts[:3:3], Finished: l.Database.Finished[:1:1]}
	l.Earlier = []chaos.History{earlier}
	return l.Logs, chaos.Allowance{
		Codes:  []string{"55P03"},
		Faults: []chaos.Fault{{Name: "kill w1", Worker: "w1", From: at(10_000), To: at(10_001), Most: 2}},
	}
}

// plain: notifications without a fault, and orders that ended otherwise.
func (l *runLog) plain() {
	l.order("prompt", chaos.Committed, true)
	l.told("prompt", 1, 0, 100, "acknowledged", 200)
	l.finished("prompt", 0, "acknowledged", "", 1, 0)

	l.order("climbs", chaos.Committed, true)
	l.told("climbs", 1, 0, 100, "answered", 500)
	l.told("climbs", 2, 0, 1_110, "acknowledged", 200)
	l.finished("climbs", 0, "acknowledged", "", 2, 1)

	l.order("exhausted", chaos.Committed, true)
	l.told("exhausted", 1, 0, 100, "answered", 500)
	l.attempt("exhausted", 2, 0, 1_110, "timeout", 0)
	l.attempt("exhausted", 3, 0, 3_120, "unreachable", 0)
	l.finished("exhausted", 0, "exhausted", "attempt 3: unreachable", 3, 2)

	l.order("refused", chaos.Committed, true)
	l.told("refused", 1, 0, 100, "rejected", 410)
	l.finished("refused", 0, "rejected", "attempt 1: rejected", 1, 0)

	l.order("replayed", chaos.Committed, true)
	l.told("replayed", 1, 0, 100, "acknowledged", 200)
	l.finished("replayed", 0, "acknowledged", "", 1, 0)
	l.told("replayed", 2, 1, 5_000, "answered", 500)
	l.told("replayed", 3, 1, 6_010, "acknowledged", 200)
	l.finished("replayed", 1, "acknowledged", "", 3, 1)

	l.order("cancelled", chaos.Committed, true)
	l.told("cancelled", 1, 0, 100, "answered", 500)
	l.attempt("cancelled", 2, 0, 1_110, "timeout", 0)
	l.attempt("cancelled", 3, 0, 3_120, "unreachable", 0)
	l.finished("cancelled", 0, "cancelled", "cancelled while attempt 3 was in flight", 3, 2)
	l.Cancelled = []string{"order of cancelled"}

	l.order("rolled back", chaos.RolledBack, false)
	l.Orders = append(l.Orders,
		chaos.Order{No: "taken back", Fate: chaos.Committed, Undone: []string{"taken back"}},
		chaos.Order{No: "cut off", Fate: chaos.Failed, Error: "unexpected EOF"},
		chaos.Order{No: "starting", Fate: chaos.Failed, Code: "57P03"},
		chaos.Order{No: "locked", Fate: chaos.Failed, Code: "55P03"})
}

// unclear: orders of unknown fate, and notifications that are unfinished.
func (l *runLog) unclear() {
	l.order("unknown, committed", chaos.Unknown, true)
	l.told("unknown, committed", 1, 0, 59_000, "answered", 500)
	l.Database.Deliveries = append(l.Database.Deliveries, chaos.Delivery{
		ID: "unknown, committed", State: "pending", Due: at(60_010), Attempts: 1, Rung: 1,
	})
	l.order("unknown, rolled back", chaos.Unknown, false)

	l.order("in flight", chaos.Committed, true)
	l.attempt("in flight", 1, 0, 58_000, "interrupted", 0)
	l.request("in flight", 2, 59_000, 0)
	l.Database.Deliveries = append(l.Database.Deliveries, chaos.Delivery{
		ID: "in flight", State: "in_flight", Due: at(58_010), LeasedUntil: at(66_000), ClaimedBy: "w2/1", Attempts: 2,
	})

	l.order("paused", chaos.Committed, true)
	l.Database.Notifications[len(l.Database.Notifications)-1].Halted = true
	l.Database.Deliveries = append(l.Database.Deliveries, chaos.Delivery{ID: "paused", State: "pending", Due: at(0)})
}

// killed: what w1 had in flight when it was killed.
func (l *runLog) killed() {
	l.order("told twice", chaos.Committed, true)
	l.attempt("told twice", 1, 0, 9_990, "unknown", 0)
	l.request("told twice", 1, 9_990, 200)
	l.told("told twice", 2, 0, 18_000, "acknowledged", 200)
	l.finished("told twice", 0, "acknowledged", "", 2, 0)

	l.order("late", chaos.Committed, true)
	l.attempt("late", 1, 0, 9_990, "unknown", 0)
	l.request("late", 1, 9_990, 200)
	l.told("late", 2, 0, 18_000, "answered", 500)
	l.finished("late", 0, "acknowledged", "late, by attempt 1", 2, 1)

	l.order("kills", chaos.Committed, true)
	l.attempt("kills", 1, 0, 9_000, "unknown", 0)
	l.attempt("kills", 2, 0, 17_000, "unknown", 0)
	l.attempt("kills", 3, 0, 25_000, "unknown", 0)
	l.told("kills", 4, 0, 26_010, "acknowledged", 200)
	l.finished("kills", 0, "acknowledged", "", 4, 1)
}
