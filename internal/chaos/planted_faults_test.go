package chaos_test

import (
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// Bugs that only a fault brings to light.
var plantedInFaults = []planted{
	{"a worker is killed", (*stage).killed, []bug{
		{"claim without unknown", chaos.CompleteHistory, chaos.Bug{
			File: "sql/settle.sql", Old: "and (late is not null or outcome <> 'unknown')", New: "and outcome <> 'unknown'",
		}},
	}},
	{"a result comes too late", (*stage).overtaken, []bug{
		{"settle without the token", chaos.CompleteHistory, chaos.Bug{
			File: "sql/settle.sql",
			Old:  "d.state = 'in_flight' and d.attempt_count = s.attempt",
			New:  "d.state = 'in_flight' and d.attempt_count >= s.attempt",
		}},
		{"history rewritten", chaos.InsertOnly, chaos.Bug{
			File: "sql/settle.sql",
			Old:  "on conflict (notification_id, attempt) do nothing",
			New: "on conflict (notification_id, attempt) do update\n" +
				"  set outcome = excluded.outcome, http_status = excluded.http_status, worker = excluded.worker",
		}},
	}},
	{"a worker is frozen for less than its lease", (*stage).frozen, []bug{
		{"lease without renewal", chaos.DuplicatesBounded, chaos.Bug{
			File: "internal/worker/leases.go", Old: "claims := l.all()\n", New: "claims := l.all()[:0]\n",
		}},
	}},
	{"a worker loses the database", (*stage).cutOff, []bug{
		{"own lease not fenced", chaos.DuplicatesBounded, chaos.Bug{
			File: "internal/worker/leases.go", Old: "func() { end(errLeaseOver) }", New: "func() {}",
		}},
	}},
	{"a worker stops while merchants answer", (*stage).stopping, []bug{
		{"settle dropped on shutdown", chaos.DuplicatesBounded, chaos.Bug{
			File: "internal/worker/worker.go", Old: "w.settler.run(outliving)", New: "w.settler.run(ctx)",
		}},
	}},
	{"a settle is cut off", (*stage).refused, []bug{
		{"results forgotten in an outage", chaos.DuplicatesBounded, chaos.Bug{
			File: "internal/worker/settler.go",
			Old:  "held, pause = batch, s.faults.pause()",
			New:  "held, pause = nil, s.faults.pause()",
		}},
	}},
}

func (s *stage) killed() {
	s.AddEndpoint(chaos.Endpoint{Name: "m-1", Temper: firstRefused(nil, chaos.Prompt())})
	w1 := s.Work("w1")
	s.EnqueueMany("m-1", plantedOrders)
	s.arrived(plantedOrders)
	s.Kill(w1)
	s.ExpireLeases(w1)
	s.Work("w2")
	s.AtRest()
}

// w1 has the answer of an attempt that is recorded as unknown, while w2 makes the next
// one. The scene ends before that one does, which would cover the tracks.
func (s *stage) overtaken() {
	answer := make(chan struct{})
	s.AddEndpoint(chaos.Endpoint{Name: "m-1", Temper: firstRefused(answer, chaos.Hanging(nil)), Timeout: time.Minute})
	w1 := s.Work("w1")
	id := s.Enqueue("m-1")
	s.reaches(id, 1)
	s.Freeze(w1)
	close(answer)
	s.answers(id, 1)
	s.ExpireLeases(w1)
	s.Work("w2")
	s.reaches(id, 2)
	s.Snapshot()
	w1.Thaw()
	w1.Stop()
}

// A merchant acknowledges while its worker is frozen. What the time would do to a
// lease that was never renewed is done to it, and to no other; w2 looks, and then w1
// goes on. No fault is declared: one that is shorter than a lease has no consequence.
func (s *stage) frozen() {
	answer := make(chan struct{})
	s.AddEndpoint(chaos.Endpoint{Name: "m-1", Temper: chaos.Hanging(answer)})
	s.AddEndpoint(chaos.Endpoint{Name: "m-2"})
	w1 := s.Work("w1")
	id := s.Enqueue("m-1")
	s.reaches(id, 1)
	lease := s.Text("select leased_until from orderbell.delivery")
	s.Becomes("true", "select leased_until > $1::text::timestamptz or now() > $1::text::timestamptz - interval '4 s' from orderbell.delivery", lease)
	w1.Freeze()
	close(answer)
	s.answers(id, 1)
	s.SQL("update orderbell.delivery set leased_until = now() - interval '1 s' where leased_until = $1::text::timestamptz", lease)
	s.Work("w2") // which begins with a full look
	s.Enqueue("m-2")
	s.Becomes("0", "select count(*) from orderbell.delivery where endpoint = 'm-2'")
	s.Becomes("0", "select count(*) from orderbell.delivery d join orderbell.attempt a on a.notification_id = d.notification_id")
	w1.Thaw()
	s.AtRest()
}

// w1 cannot reach the database any more, and its merchant acknowledges long after the
// end of the lease, to somebody who should have hung up. Its next attempts, by w2, fail.
func (s *stage) cutOff() {
	answer := make(chan struct{})
	temper := func(r chaos.Request) chaos.Answer {
		switch r.Attempt {
		case 1:
			return chaos.Hanging(answer)(r)
		case 2, 3:
			return chaos.Failing()(r)
		}
		return chaos.Prompt()(r)
	}
	s.AddEndpoint(chaos.Endpoint{Name: "m-1", Temper: temper, Timeout: time.Minute})
	proxy := s.behindProxy()
	s.Work("w1")
	s.WorkURL = s.URL
	id := s.Enqueue("m-1")
	s.reaches(id, 1)
	proxy.DropToServer(true)
	s.Work("w2")
	s.answers(id, 3) // a rung after the second attempt: w1 has had the time to hang up
	close(answer)
	s.AtRest()
}

func (s *stage) stopping() {
	answer := make(chan struct{})
	s.AddEndpoint(chaos.Endpoint{Name: "m-1", Temper: chaos.Hanging(answer)})
	w1 := s.Work("w1")
	s.EnqueueMany("m-1", plantedOrders)
	s.arrived(plantedOrders)
	w1.Terminate()
	w1.Says("stopping when the requests in flight have their answers")
	close(answer)
	w1.Wait()
	s.ExpireLeases(w1)
	s.Work("w2")
	s.AtRest()
}

// The database takes no result, and ends the connection that brought it. It is there
// again before the worker is told to stop.
func (s *stage) refused() {
	s.AddEndpoint(chaos.Endpoint{Name: "m-1"})
	w1 := s.Work("w1")
	release := s.Lock("attempt")
	s.Enqueue("m-1")
	s.Blocked(w1, "settle")
	s.EndBackends(w1)
	release()
	w1.Stop()
	s.ExpireLeases(w1)
	s.Work("w2")
	s.AtRest()
}
