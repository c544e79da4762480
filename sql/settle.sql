/* orderbell:settle */
-- Records attempts and moves their rows on, a batch in one statement: all of it
-- or none. Sending the same batch again is harmless, so that a commit whose
-- outcome is unknown is simply repeated.
-- The fence: a row is moved only if it is still in flight with this very attempt.
-- Two exceptions. An acknowledgement ends the row however late it comes, because
-- the endpoint has it (the comparison of attempts keeps it out of a life that it
-- cannot come from); if a later attempt is in flight elsewhere, it marks the row, which
-- ends so when that one is recorded. An unknown attempt of somebody else is recorded only
-- when its lease is over, so that a worker that is merely slow keeps its own word.
-- Called by the worker with the results that are ready; no id twice in a batch.
-- What the fence lets through cannot have been recorded before, unless this batch
-- was sent before: it is inserted without looking, which saves 70 bytes of WAL and
-- a look-up for each row. If something is there all the same, the statement fails,
-- and is sent again.
-- The next row of a sequence whose head has ended is made due.
-- Index: primary keys; delivery_sequence for what has a key. Locks: the rows, in the order of their ids, which is the
-- order of the batch; passes over rows that somebody's open cancel holds: those are
-- not in the answer, and are settled again a little later.
with own as materialized (
  -- Lateral, so that each row is found by its id, in the order of the ids. late is
  -- null where there is no row to move, and false where the fence holds exactly.
  -- elsewhere: a later attempt is in flight.
  select s.id, s.attempt, s.round, s.began_ago, s.duration_us, s.outcome, s.http_status, s.endpoint, s.url, s.error, s.excerpt, s.worker,
         s.wait, case when d.late then d.rung else s.rung end as rung, s.unknowns, d.attempt_count, d.late, d.elsewhere,
         case when s.state = 'acknowledged' then s.state else coalesce(d.ends_as, s.state) end as state,
         case
           when s.state = 'acknowledged' and d.late then format('late, by attempt %s', s.attempt)
           when s.state <> 'acknowledged' and d.ends_as is not null then format('%s while attempt %s was in flight', d.ends_as, s.attempt)
           else s.reason
         end as reason,
         d.ends_as is not null or d.late as changed, d.seq, d.sequence_key, d.released_at
  from unnest(@ids::uuid[], @attempts::int[], @rounds::int[], @began_ago::interval[], @durations::bigint[],
              @outcomes::text[]::orderbell.outcome[], @statuses::smallint[], @endpoints::text[], @urls::text[],
              @errors::text[], @excerpts::text[], @workers::text[],
              @states::text[]::orderbell.state[], @reasons::text[], @waits::interval[], @rungs::smallint[], @unknowns::smallint[])
    as s (id, attempt, round, began_ago, duration_us, outcome, http_status, endpoint, url, error, excerpt, worker,
          state, reason, wait, rung, unknowns)
  left join lateral (
    select d.attempt_count, d.rung, d.ends_as, d.seq, d.sequence_key, d.released_at, d.attempt_count <> s.attempt or d.state <> 'in_flight' as late,
           d.attempt_count <> s.attempt and d.state = 'in_flight' as elsewhere
    from orderbell.delivery d
    where d.notification_id = s.id and d.round = s.round and not d.owes
      and ((s.outcome = 'acknowledged' and s.attempt <= d.attempt_count)
           or (d.state = 'in_flight' and d.attempt_count = s.attempt
               and (s.outcome <> 'unknown' or d.claimed_by = @holder or d.leased_until <= now() or d.leased_until > now() + interval '1 minute')))
    for update skip locked
  ) d on true
), recorded as (
  insert into orderbell.attempt (notification_id, attempt, round, started_at, duration_us, outcome, http_status,
                                 endpoint, url, error, response_excerpt, worker)
  select id, attempt, round, now() - began_ago, duration_us, outcome, http_status,
         endpoint, url, error, excerpt, worker
  from own
  where not late and outcome <> 'unknown' and not @again::bool
), recorded_too as (
  insert into orderbell.attempt (notification_id, attempt, round, started_at, duration_us, outcome, http_status,
                                 endpoint, url, error, response_excerpt, worker)
  select id, attempt, round, now() - began_ago, duration_us, outcome, http_status,
         endpoint, url, error, excerpt, worker
  from own
  where (late is not false or outcome = 'unknown' or @again)
    and (late is not null or outcome <> 'unknown')
    -- What an open cancel holds is recorded when it is settled again, or by whoever
    -- finds its lease ended: not by both.
    and (late is not null
         or not exists (select from orderbell.delivery d
                        where d.notification_id = own.id and d.round = own.round
                          and d.state = 'in_flight' and d.attempt_count = own.attempt))
  on conflict (notification_id, attempt) do nothing
), ended as (
  delete from orderbell.delivery d
  where d.notification_id = any (array(select id from own where not elsewhere and state <> 'pending'))
), marked as (
  -- The checks also see the row as it was at the start of the statement: if it was claimed
  -- since, it was not in flight then.
  update orderbell.delivery d
  set ends_as = case when d.state = 'in_flight' then 'acknowledged'::orderbell.state end
  where d.notification_id = any (array(select id from own where elsewhere))
    -- One with a hook is asked to its end: the hook must be given an answer.
    and not d.alone
), written as (
  insert into orderbell.finished (notification_id, round, state, reason, attempt_count, rung, released_at)
  select id, round, state, reason, attempt_count, rung, released_at
  from own
  where not elsewhere and state <> 'pending' and not @again
), written_too as (
  insert into orderbell.finished (notification_id, round, state, reason, attempt_count, rung, released_at)
  select id, round, state, reason, attempt_count, rung, released_at
  from own
  where not elsewhere and state <> 'pending' and @again
  on conflict (notification_id, round) do nothing
), moved as (
  update orderbell.delivery d
  set state = 'pending', leased_until = null, claimed_by = null,
      next_attempt_at = now() + own.wait, rung = own.rung, unknowns = own.unknowns
  from own
  where d.notification_id = any (array(select id from own where late is not null and state = 'pending')) and own.id = d.notification_id
  returning 1
), blocked as (
  insert into orderbell.blocked (endpoint, sequence_key, seq, notification_id)
  select own.endpoint, own.sequence_key, own.seq, own.id
  from own
  cross join lateral (
    select from orderbell.endpoint e where e.id = own.endpoint and e.on_head_exhausted = 'block' limit 1) blocks
  where own.seq is not null and not own.elsewhere and own.state in ('exhausted', 'rejected')
  on conflict do nothing
), promoted as (
  -- The next of each sequence.
  select case when seqs is not null then orderbell.promote(endpoints, keys, seqs) end as rows
  from (select array_agg(endpoint) as endpoints, array_agg(sequence_key) as keys, array_agg(seq) as seqs
        from own where seq is not null and not elsewhere and state <> 'pending') ended
), rung as (
  -- Somebody who sleeps must hear of the new time: this worker may die before it.
  select orderbell.ring()
  from (select (select count(*) from moved) + coalesce((select rows from promoted), 0) as rows) new_times
  where rows > 0
)
-- Only what went otherwise than it was told to.
select own.id, own.late is not null as moved, own.state::text as state, coalesce(own.reason, '') as reason
from own
where own.late is null or own.changed
union all
select null, null, null, null from rung where rung.ring is null -- never, and yet it is rung
