package model_test

import (
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

// readStandings reads what the tables say of notifications. odd names what must
// never be; waits are in hours, rounded up.
const readStandings = `
select coalesce(d.state, f.state)::text as state,
       coalesce(d.attempt_count, f.attempt_count, 0) as attempts, coalesce(d.rung, f.rung, 0) as rung,
       coalesce(d.unknowns, 0) as unknowns, coalesce(d.claimed_by, '') as holder,
       coalesce(d.leased_until <= now(), false) as lease_over, coalesce(d.ends_as::text, '') as ends_as,
       coalesce(greatest(ceil(extract(epoch from d.next_attempt_at - now()) / 3600), 0), 0)::int as wait,
       coalesce(substring(f.reason from '^duplicate of (.*)$'), '') as duplicate,
       coalesce(a.attempts, '{}') as history_attempts, coalesce(a.outcomes, '{}') as history_outcomes,
       coalesce(a.workers, '{}') as history_workers,
       case
         when d.notification_id is not null and f.endings > 0 then 'it is in delivery and in finished'
         when f.endings > 1 then 'it has ended more than once'
         when n.id is null and (d.notification_id is not null or f.endings > 0 or a.attempts is not null) then 'there is no notification'
         when n.id is not null and d.notification_id is null and f.endings = 0 then 'it is neither in delivery nor in finished'
         when d.round <> 0 or f.round <> 0 or a.round <> 0 then 'nobody has replayed it'
         else ''
       end as odd
from unnest($1::uuid[]) with ordinality as mine (id, number)
left join lateral (select n.id from orderbell.notification n where n.id = mine.id) n on true
left join lateral (select d.* from orderbell.delivery d where d.notification_id = mine.id) d on true
left join lateral (
  select count(*) as endings, max(f.state) as state, max(f.attempt_count) as attempt_count, max(f.rung) as rung,
         max(f.reason) as reason, max(f.round) as round
  from orderbell.finished f where f.notification_id = mine.id) f on true
left join lateral (
  select array_agg(a.attempt order by a.attempt) as attempts, array_agg(a.outcome::text order by a.attempt) as outcomes,
         array_agg(a.worker order by a.attempt) as workers, max(a.round) as round
  from orderbell.attempt a where a.notification_id = mine.id) a on true
order by mine.number`

type standingRow struct {
	State                           *string
	Attempts, Rung, Unknowns        int
	Holder                          string
	LeaseOver                       bool
	EndsAs                          string
	Wait                            int
	Duplicate                       string
	HistoryAttempts                 []int
	HistoryOutcomes, HistoryWorkers []string
	Odd                             string
}

func (s *sequence) standings() []standing {
	s.t.Helper()
	rows, err := s.pool.Query(s.t.Context(), readStandings, s.ids)
	if err != nil {
		s.t.Fatalf("read where notifications stand: %v", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[standingRow])
	if err != nil {
		s.t.Fatalf("read where notifications stand: %v", err)
	}
	all := make([]standing, len(found))
	for i := range found {
		all[i] = s.standing(&found[i])
	}
	return all
}

func (s *sequence) standing(r *standingRow) standing {
	found := standing{
		Attempts: r.Attempts, Rung: r.Rung, Unknowns: r.Unknowns, Holder: workerOf(r.Holder),
		LeaseOver: r.LeaseOver, EndsAs: outbox.State(r.EndsAs), Wait: r.Wait, Odd: r.Odd,
	}
	if r.State != nil {
		found.State = outbox.State(*r.State)
	}
	if r.Duplicate != "" {
		for row, id := range s.ids {
			if outbox.FormatID(id) == r.Duplicate {
				found.Duplicate = row + 1
			}
		}
		if found.Duplicate == 0 {
			found.Odd = fmt.Sprintf("it is a duplicate of %s, which nobody knows", r.Duplicate)
		}
	}
	for i, n := range r.HistoryAttempts {
		found.History = append(found.History, record{n, outbox.Outcome(r.HistoryOutcomes[i]), workerOf(r.HistoryWorkers[i])})
	}
	return found
}

// strays counts deliveries of this sequence's endpoints that nobody has enqueued.
func (s *sequence) strays() (count int) {
	s.t.Helper()
	var endpoints []string
	for n := 1; n <= s.endpoints; n++ {
		endpoints = append(endpoints, s.endpoint(n))
	}
	err := s.pool.QueryRow(s.t.Context(), `select count(*) from orderbell.delivery
		where endpoint = any ($1) and notification_id <> all ($2)`, endpoints, s.ids).Scan(&count)
	if err != nil {
		s.t.Fatalf("count strays: %v", err)
	}
	return count
}
