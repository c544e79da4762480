package chaos_test

import (
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// Bugs that show themselves without any fault.
var plantedInQuiet = []planted{
	{"a merchant stumbles", (*stage).stumbling, []bug{
		{"acknowledge before the answer", chaos.NoLoss, chaos.Bug{
			File: "internal/worker/carry.go",
			Old:  "\tresult := w.deliver(ctx, e.claim)\n",
			New: "\tw.settler.settle(&outbox.Settlement{\n" +
				"\t\tClaim: e.claim, Result: outbox.Result{Outcome: outbox.OutcomeAcknowledged},\n" +
				"\t\tVerdict: outbox.Verdict{State: outbox.Acknowledged, Rung: e.claim.Rung}, Began: began, Worker: w.Name,\n" +
				"\t})\n" +
				"\tresult := w.deliver(ctx, e.claim)\n",
		}},
		{"retry without the ladder", chaos.Spacing, chaos.Bug{
			File: "internal/outbox/verdict.go", Old: "Wait: wait,", New: "Wait: 0 * wait,",
		}},
		{"attempt not counted", chaos.CompleteHistory, chaos.Bug{
			File: "sql/claim.sql", Old: "attempt_count = greatest(least(d.attempt_count, 2147483646), 0) + 1", New: "attempt_count = 1",
		}},
		{"another id for another attempt", chaos.NoPhantom, chaos.Bug{
			File: "internal/delivery/header.go",
			Old:  `h.set("Orderbell-Notification-Id", outbox.FormatID(claim.ID))`,
			New:  `id := claim.ID; id[15] ^= byte(claim.Attempt - 1); h.set("Orderbell-Notification-Id", outbox.FormatID(id))`,
		}},
		{"row deleted without an ending", chaos.NoLoss, chaos.Bug{
			File: "sql/settle.sql",
			Old:  "where not elsewhere and state <> 'pending' and not @again\n",
			New:  "where not elsewhere and state <> 'pending' and not @again and false\n",
		}},
	}},
	{"a merchant always fails", (*stage).failing, []bug{
		{"last rung left out", chaos.NoLoss, chaos.Bug{
			File: "internal/outbox/ladder.go", Old: "spent >= len(l)", New: "spent+1 >= len(l)",
		}},
	}},
	{"a lease after the end", (*stage).afterwards, []bug{
		{"delivery row left behind", chaos.DuplicatesBounded, chaos.Bug{
			File: "sql/settle.sql",
			Old:  "(select id from own where not elsewhere and state <> 'pending')",
			New:  "(select id from own where not elsewhere and state <> 'pending' and false)",
		}},
	}},
	{"many deliveries", (*stage).many, []bug{
		{"goroutine kept for each delivery", chaos.Bounded, chaos.Bug{
			File: "internal/worker/send.go", Old: "case w.errands <- e:", New: "case (chan<- errand)(nil) <- e:",
		}},
	}},
	{"a worker falls asleep beside an open order", (*stage).asleep, []bug{
		{"sleep without the last look", chaos.NothingStuck, chaos.Bug{
			File: "internal/postgres/lock.go",
			Old:  "signal(b.rung)\n\t\tif err := b.watch(",
			New:  "if err := b.watch(",
		}},
	}},
	{"a busy worker and another one", (*stage).crowded, []bug{
		{"claim of what is in flight", chaos.Count, chaos.Bug{
			File: "sql/claim.sql",
			Old:  "d.state = 'pending' and not d.owes",
			New:  "not d.owes",
		}},
	}},
}

// plantedOrders are few: each of them shows the bug.
const plantedOrders = 10

func (s *stage) stumbling() {
	s.AddEndpoint(chaos.Endpoint{Name: "m-1", Temper: chaos.Stumbling(1), Ladder: []time.Duration{time.Second}})
	s.Work("w1")
	s.Shop(chaos.ShopOptions{Orders: plantedOrders}).Wait()
	s.AtRest()
}

func (s *stage) failing() {
	ladder := []time.Duration{200 * time.Millisecond, 200 * time.Millisecond}
	s.AddEndpoint(chaos.Endpoint{Name: "m-1", Temper: chaos.Failing(), Ladder: ladder})
	s.Work("w1")
	s.Shop(chaos.ShopOptions{Orders: plantedOrders}).Wait()
	s.AtRest()
}

// The leases of rows that have ended are over: nothing is left that could have one.
func (s *stage) afterwards() {
	s.AddEndpoint(chaos.Endpoint{Name: "m-1"})
	w1 := s.Work("w1")
	s.Enqueue("m-1")
	s.Becomes("1", "select count(*) from orderbell.finished")
	s.ExpireLeases(w1)
	s.Work("w2")
	s.AtRest()
}

func (s *stage) many() {
	s.AddEndpoint(chaos.Endpoint{Name: "m-1"})
	resting := s.Work("idle").Goroutines()
	w1 := s.Work("w1")
	descriptors := w1.Descriptors()
	s.Shop(chaos.ShopOptions{Orders: 400}).Wait()
	s.AtRest()
	s.HangUp() // a connection that is kept has goroutines too
	s.Returns("descriptors of w1", descriptors+poolConnections, w1.Descriptors)
	s.Bound("goroutines of w1", w1.Goroutines(), resting+5*int64(w1.Concurrency)+poolConnections)
}

// The order was there before the worker wished to sleep, so that its commit does not
// ring, and it stays open until the worker owes no look any more. Only the grant of
// the lock tells that it is over.
func (s *stage) asleep() {
	s.AddEndpoint(chaos.Endpoint{Name: "m-1"})
	commit := s.OpenOrder("m-1")
	s.Work("w1")
	s.Becomes("true", `select count(*) > 0
		from pg_locks l join pg_stat_activity a on a.datname = current_database()
		where l.locktype = 'advisory' and not l.granted and l.database = (select oid from pg_database where datname = current_database())
		  and a.query ~ '^/. orderbell:(full_look|policies|faulty_endpoints) ' and a.state = 'idle' and a.query_start > l.waitstart
		  -- and has come to rest: whatever begins with a start has had its look.
		  and not exists (select from pg_stat_activity b
		    where b.datname = current_database() and b.application_name like 'orderbell/%' and b.query not like '%orderbell:sleep%'
		      and b.query_start > clock_timestamp() - interval '1500 ms')`)
	commit()
	s.AtRest()
}

// w1 has no slot for the second row, and has claimed the first: w2 may take one alone.
func (s *stage) crowded() {
	answer := make(chan struct{})
	s.AddEndpoint(chaos.Endpoint{Name: "m-1", Temper: firstRefused(answer, chaos.Prompt())})
	w1 := s.WorkWith(chaos.WorkerOptions{Name: "w1", Binary: s.program, Concurrency: 1})
	w1.Says("worker starts")
	s.Enqueue("m-1")
	s.arrived(1)
	second := s.Enqueue("m-1")
	s.Work("w2")
	s.reaches(second, 1)
	close(answer)
	s.AtRest()
}
