/* orderbell:settle */
-- Records attempts and moves their rows on, a batch in one statement: all of it
-- or none. Sending the same batch again is harmless, so that a commit whose
-- outcome is unknown is simply repeated.
-- The fence: a row is moved only if it is still in flight with this very attempt.
-- Two exceptions. An acknowledgement ends the row however late it comes, because
-- the endpoint has it (the comparison of attempts keeps it out of a life that it
-- cannot come from). An unknown attempt is recorded only while its lease is
-- over, so that a worker that is merely slow keeps its own word.
-- Called by the worker with the results that are ready; no id twice in a batch.
-- Index: primary keys. Locks: the rows, in the order of their ids; passes over
-- rows that somebody's open cancel holds: those are not in the answer, and are
-- settled again a little later.
with settled as materialized (
  select *
  from unnest(@ids::uuid[], @attempts::int[], @rounds::int[], @began_ago::interval[], @durations::bigint[],
              @outcomes::text[]::orderbell.outcome[], @statuses::smallint[], @endpoints::text[], @urls::text[],
              @errors::text[], @excerpts::text[], @workers::text[],
              @states::text[]::orderbell.state[], @reasons::text[], @waits::interval[], @rungs::smallint[], @unknowns::smallint[])
    as s (id, attempt, round, began_ago, duration_us, outcome, http_status, endpoint, url, error, excerpt, worker,
          state, reason, wait, rung, unknowns)
  order by id
), own as materialized (
  -- Lateral, so that each row is found by its id, in the order of the ids.
  select s.id, s.attempt, s.state, s.reason, s.wait, s.rung, s.unknowns, d.ends_as, d.late
  from settled s
  cross join lateral (
    select d.ends_as, d.attempt_count <> s.attempt or d.state <> 'in_flight' as late
    from orderbell.delivery d
    where d.notification_id = s.id and d.round = s.round
      and ((s.outcome = 'acknowledged' and s.attempt <= d.attempt_count)
           or (d.state = 'in_flight' and d.attempt_count = s.attempt
               and (s.outcome <> 'unknown' or d.leased_until <= now())))
    for update skip locked
  ) d
), way as materialized (
  select id, wait, rung, unknowns,
         case when state = 'acknowledged' then state else coalesce(ends_as, state) end as state,
         case
           when state = 'acknowledged' and late then format('late, by attempt %s', attempt)
           when state <> 'acknowledged' and ends_as is not null then format('%s while attempt %s was in flight', ends_as, attempt)
           else reason
         end as reason
  from own
), recorded as (
  insert into orderbell.attempt (notification_id, attempt, round, started_at, duration_us, outcome, http_status,
                                 endpoint, url, error, response_excerpt, worker)
  select id, attempt, round, now() - began_ago, duration_us, outcome, http_status,
         endpoint, url, error, excerpt, worker
  from settled
  where outcome <> 'unknown' or id in (select id from own)
  on conflict (notification_id, attempt) do nothing
), ended as (
  delete from orderbell.delivery d
  where d.notification_id = any (array(select id from way where state <> 'pending'))
  returning d.notification_id, d.round, d.attempt_count
), written as (
  insert into orderbell.finished (notification_id, round, state, reason, attempt_count, rung)
  select ended.notification_id, ended.round, way.state, way.reason, ended.attempt_count, way.rung
  from ended
  join way on way.id = ended.notification_id
  on conflict (notification_id, round) do nothing
), moved as (
  update orderbell.delivery d
  set state = 'pending', leased_until = null, claimed_by = null,
      next_attempt_at = now() + way.wait, rung = way.rung, unknowns = way.unknowns
  from way
  where d.notification_id = any (array(select id from way where state = 'pending')) and way.id = d.notification_id
  returning 1
), rung as (
  -- Somebody who sleeps must hear of the new time: this worker may die before it.
  select orderbell.ring() from moved limit 1
)
select way.id, way.state::text as state, coalesce(way.reason, '') as reason
from way
left join rung on true
