package chaos_test

import (
	"slices"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

type tamper struct {
	invariant chaos.Invariant
	name      string
	tamper    func(*chaos.Logs, *chaos.Allowance)
	// also are invariants that are broken with it.
	also []chaos.Invariant
}

var tampered = []tamper{
	{chaos.NoLoss, "delivery row and ending are gone", func(l *chaos.Logs, _ *chaos.Allowance) {
		l.Database.Deliveries = without(l.Database.Deliveries, func(d chaos.Delivery) bool { return d.ID == "paused" })
	}, nil},
	{chaos.NoLoss, "the database lost a commit", func(l *chaos.Logs, _ *chaos.Allowance) {
		l.Orders = append(l.Orders, chaos.Order{No: "o", Fate: chaos.Committed, IDs: []string{"forgotten"}})
	}, nil},
	{chaos.NoLoss, "ended acknowledged, and nobody did", func(l *chaos.Logs, _ *chaos.Allowance) {
		request(l, "prompt", 1).Acknowledges = false
	}, []chaos.Invariant{chaos.CompleteHistory}},
	{chaos.NoLoss, "ended acknowledged by an answer that never left", func(l *chaos.Logs, _ *chaos.Allowance) {
		request(l, "prompt", 1).Failure = "broken pipe"
	}, nil},
	{chaos.NoLoss, "exhausted too early", func(l *chaos.Logs, _ *chaos.Allowance) {
		attempt(l, "exhausted", 2).Outcome = "interrupted"
	}, []chaos.Invariant{chaos.Count}},
	{chaos.NoLoss, "cancelled by nobody", func(l *chaos.Logs, _ *chaos.Allowance) {
		l.Cancelled = []string{"order of prompt"}
		finished(l, "exhausted").State = "cancelled"
	}, []chaos.Invariant{chaos.Count}},

	{chaos.NoPhantom, "sent for a rollback", func(l *chaos.Logs, _ *chaos.Allowance) {
		send(l, "rolled back")
	}, nil},
	{chaos.NoPhantom, "sent for what a savepoint took back", func(l *chaos.Logs, _ *chaos.Allowance) {
		send(l, "taken back")
	}, nil},
	{chaos.NoPhantom, "sent for a commit that never was", func(l *chaos.Logs, _ *chaos.Allowance) {
		send(l, "unknown, rolled back")
	}, nil},
	{chaos.NoPhantom, "sent and never written", func(l *chaos.Logs, _ *chaos.Allowance) {
		send(l, "from nowhere")
	}, nil},

	{chaos.CompleteHistory, "an attempt row is missing", func(l *chaos.Logs, _ *chaos.Allowance) {
		drop(l, "kills", 2)
	}, []chaos.Invariant{chaos.Count, chaos.Spacing}},
	{chaos.CompleteHistory, "the last attempt row is missing", func(l *chaos.Logs, _ *chaos.Allowance) {
		drop(l, "told twice", 2)
	}, nil},
	{chaos.CompleteHistory, "a request without a row", func(l *chaos.Logs, _ *chaos.Allowance) {
		request(l, "in flight", 2).Attempt = 3
	}, nil},
	{chaos.CompleteHistory, "one attempt sent twice", func(l *chaos.Logs, _ *chaos.Allowance) {
		l.Requests = append(l.Requests, *request(l, "exhausted", 1))
	}, nil},
	{chaos.CompleteHistory, "an answer that nobody gave", func(l *chaos.Logs, _ *chaos.Allowance) {
		attempt(l, "exhausted", 2).Outcome = "answered"
	}, nil},
	{chaos.CompleteHistory, "another status than the merchant's", func(l *chaos.Logs, _ *chaos.Allowance) {
		attempt(l, "refused", 1).Status = 400
	}, nil},
	{chaos.CompleteHistory, "recorded and still in flight", func(l *chaos.Logs, _ *chaos.Allowance) {
		delivery(l, "in flight").Attempts = 1
	}, nil},

	{chaos.DuplicatesBounded, "without a fault", func(_ *chaos.Logs, a *chaos.Allowance) {
		a.Faults = nil
	}, nil},
	{chaos.DuplicatesBounded, "more than were in flight", func(_ *chaos.Logs, a *chaos.Allowance) {
		a.Faults[0].Most = 1
	}, nil},
	{chaos.DuplicatesBounded, "long before the fault", func(_ *chaos.Logs, a *chaos.Allowance) {
		a.Faults[0].From, a.Faults[0].To = at(13_000), at(13_001)
	}, nil},
	{chaos.DuplicatesBounded, "after the fault", func(_ *chaos.Logs, a *chaos.Allowance) {
		a.Faults[0].From, a.Faults[0].To = at(9_000), at(9_001)
	}, nil},
	{chaos.DuplicatesBounded, "another worker's", func(_ *chaos.Logs, a *chaos.Allowance) {
		a.Faults[0].Worker = "w2"
	}, nil},
	{chaos.DuplicatesBounded, "recorded as acknowledged, and sent again", func(l *chaos.Logs, _ *chaos.Allowance) {
		a := attempt(l, "told twice", 1)
		a.Outcome, a.Status = "acknowledged", 200
	}, nil},

	{chaos.Spacing, "sent before its rung", func(l *chaos.Logs, _ *chaos.Allowance) {
		request(l, "climbs", 2).Arrived = at(1_100)
	}, nil},
	{chaos.Spacing, "begun before its rung", func(l *chaos.Logs, _ *chaos.Allowance) {
		attempt(l, "exhausted", 3).Began = at(3_000)
	}, nil},
	{chaos.Spacing, "the third unknown did not wait", func(l *chaos.Logs, _ *chaos.Allowance) {
		request(l, "kills", 4).Arrived = at(25_500)
	}, nil},
	{chaos.Spacing, "settled later than the next was sent", func(l *chaos.Logs, _ *chaos.Allowance) {
		attempt(l, "replayed", 2).Took = time.Second
	}, nil},

	{chaos.Count, "a rung was lost", func(l *chaos.Logs, _ *chaos.Allowance) {
		delivery(l, "unknown, committed").Rung = 0
	}, nil},
	{chaos.Count, "an interruption spent a rung", func(l *chaos.Logs, _ *chaos.Allowance) {
		delivery(l, "in flight").Rung = 1
	}, nil},
	{chaos.Count, "the third unknown spent none", func(l *chaos.Logs, _ *chaos.Allowance) {
		finished(l, "kills").Rung = 0
	}, nil},
	{chaos.Count, "one attempt too many", func(l *chaos.Logs, _ *chaos.Allowance) {
		l.Database.Attempts = append(slices.Clone(l.Database.Attempts), chaos.Attempt{
			ID: "exhausted", Attempt: 4, Began: at(6_000), Outcome: "unreachable", Worker: "w1",
		})
		f := finished(l, "exhausted")
		f.Attempts, f.Rung = 4, 3
	}, nil},

	{chaos.NothingStuck, "in flight with a dead worker", func(l *chaos.Logs, _ *chaos.Allowance) {
		l.Living = []string{"w20", "w1"}
	}, nil},
	{chaos.NothingStuck, "its lease has ended long ago", func(l *chaos.Logs, _ *chaos.Allowance) {
		delivery(l, "in flight").LeasedUntil = at(50_000)
	}, nil},
	{chaos.NothingStuck, "due and not sent", func(l *chaos.Logs, _ *chaos.Allowance) {
		delivery(l, "unknown, committed").Due = at(54_000)
	}, nil},

	{chaos.InsertOnly, "an attempt row was changed", func(l *chaos.Logs, _ *chaos.Allowance) {
		attempt(l, "prompt", 1).Worker = "w2"
	}, nil},
	{chaos.InsertOnly, "an ending was changed", func(l *chaos.Logs, _ *chaos.Allowance) {
		finished(l, "prompt").At = at(31_000)
	}, nil},
	{chaos.InsertOnly, "a row was deleted", func(l *chaos.Logs, _ *chaos.Allowance) {
		l.Earlier[0].Attempts = append(l.Earlier[0].Attempts, chaos.Attempt{ID: "prompt", Attempt: 2, Outcome: "timeout"})
	}, nil},

	{chaos.Harmless, "an order failed by a trigger", func(l *chaos.Logs, _ *chaos.Allowance) {
		l.Orders = append(l.Orders, chaos.Order{No: "o", Fate: chaos.Failed, Code: "P0001", Error: "no such endpoint"})
	}, nil},
	{chaos.Harmless, "an order waited for a lock", func(_ *chaos.Logs, a *chaos.Allowance) {
		a.Codes = nil
	}, nil},

	{chaos.Bounded, "one descriptor too many", func(l *chaos.Logs, _ *chaos.Allowance) {
		l.Bounds[0].Got++
	}, nil},
}

// send plants a request of something that is not in the database.
func send(l *chaos.Logs, id string) {
	l.Requests = append(l.Requests, chaos.Request{ID: id, Attempt: 1, Arrived: at(200)})
	l.Database.Deliveries = append(l.Database.Deliveries, chaos.Delivery{
		ID: id, State: "in_flight", LeasedUntil: at(66_000), ClaimedBy: "w2", Attempts: 1,
	})
}

func without[T any](all []T, what func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(all), what)
}

func drop(l *chaos.Logs, id string, number int) {
	l.Database.Attempts = without(l.Database.Attempts, func(a chaos.Attempt) bool { return a.ID == id && a.Attempt == number })
}

func request(l *chaos.Logs, id string, number int) *chaos.Request {
	return &l.Requests[slices.IndexFunc(l.Requests, func(r chaos.Request) bool { return r.ID == id && r.Attempt == number })]
}

// attempt and finished make copies first: the earlier history shares their rows.
func attempt(l *chaos.Logs, id string, number int) *chaos.Attempt {
	l.Database.Attempts = slices.Clone(l.Database.Attempts)
	return &l.Database.Attempts[slices.IndexFunc(l.Database.Attempts, func(a chaos.Attempt) bool {
		return a.ID == id && a.Attempt == number
	})]
}

func finished(l *chaos.Logs, id string) *chaos.Finished {
	l.Database.Finished = slices.Clone(l.Database.Finished)
	return &l.Database.Finished[slices.IndexFunc(l.Database.Finished, func(f chaos.Finished) bool { return f.ID == id })]
}

func delivery(l *chaos.Logs, id string) *chaos.Delivery {
	return &l.Database.Deliveries[slices.IndexFunc(l.Database.Deliveries, func(d chaos.Delivery) bool { return d.ID == id })]
}
