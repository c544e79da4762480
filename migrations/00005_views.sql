-- What people read: where each notification stands and why, every attempt, and
-- the backlog in one row. Served by notification's primary key and its index on
-- order_no, and by the primary keys of the other tables.

-- +goose Up
-- +goose StatementBegin
create function orderbell.instant(at timestamptz) returns text
language sql stable parallel safe
return to_char(at, 'YYYY-MM-DD HH24:MI:SS TZ');
-- +goose StatementEnd
comment on function orderbell.instant(timestamptz) is 'An instant as the explanations write it, in the session''s time zone.';

-- Every unfinished notification with the policy that rules it, and why it cannot
-- be sent for a reason on our side. Endpoints and policies may have been deleted.
create view orderbell.standing as
select d.notification_id, d.state, d.next_attempt_at, d.leased_until, d.attempt_count, d.rung, d.round,
       d.ends_as, d.claimed_by, cardinality(p.ladder) as rungs, why.parked,
       case when d.state <> 'held' and why.parked is null then
         d.next_attempt_at
         + (select coalesce(sum(wait), interval '0') from unnest(p.ladder[d.rung + 1:]) as wait)
       end as gives_up_at
from orderbell.delivery d
left join orderbell.endpoint e on e.id = d.endpoint
left join orderbell.policy p on p.name = coalesce(d.policy, e.policy)
cross join lateral (
  select case
    when e.id is null then format('endpoint %s does not exist', d.endpoint)
    when p.name is null then format('policy %s does not exist', coalesce(d.policy, e.policy))
    else 'policy ' || p.name || ': ' || p.fault
  end as parked
) why;
comment on view orderbell.standing is 'Internal: deliveries with their policy. Read notification_status instead.';

-- +goose StatementBegin
-- One sentence: why it is where it is.
create function orderbell.explain_unfinished(s orderbell.standing, last_said text) returns text
language plpgsql stable
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  -- The attempt in flight has no record yet: what was said is the one before's.
  recorded integer := s.attempt_count - (s.state = 'in_flight')::integer;
  said text := case when last_said is null then '' else format('attempt %s: %s; ', recorded, last_said) end;
begin
  if s.state = 'held' then
    return 'held back until it is released';
  elsif s.state = 'in_flight' then
    return said
      || format('attempt %s is being made by worker %s, whose lease %s %s', s.attempt_count, s.claimed_by,
                case when s.leased_until > clock_timestamp() then 'lasts until' else 'ended at' end,
                orderbell.instant(s.leased_until))
      || coalesce('; then it ends ' || s.ends_as || ', unless it was acknowledged', '');
  elsif s.parked is not null then
    return said || 'parked because ' || s.parked || '; no rung is spent, and it goes on by itself once that is mended';
  end if;
  return said
    || case
         when s.next_attempt_at <= clock_timestamp() then
           format('attempt %s is due since %s and waits for a worker', s.attempt_count + 1, orderbell.instant(s.next_attempt_at))
         when s.rung = 0 then
           format('attempt %s comes at %s', s.attempt_count + 1, orderbell.instant(s.next_attempt_at))
         else
           format('waiting on rung %s of %s, next attempt at %s', s.rung, greatest(s.rung, s.rungs), orderbell.instant(s.next_attempt_at))
       end
    || ', gives up at ' || orderbell.instant(s.gives_up_at);
end
$$;
-- +goose StatementEnd

create view orderbell.notification_status as
select n.id, n.endpoint, n.event, n.order_no,
       coalesce(s.state, f.state)::text as state,
       coalesce(s.attempt_count, f.attempt_count, 0) as attempt_count,
       coalesce(s.rung, f.rung, 0)::integer as rung,
       coalesce(s.round, f.round, 0) as round,
       case when s.state = 'pending' then s.next_attempt_at end as next_attempt_at,
       s.gives_up_at,
       n.created_at,
       case when s.notification_id is null then f.finished_at end as finished_at,
       a.outcome::text as last_outcome,
       a.http_status::integer as last_http_status,
       a.error as last_error,
       case
         when s.notification_id is not null then
           orderbell.explain_unfinished(s, coalesce(a.error, a.outcome::text))
         when f.state = 'acknowledged' then
           format('acknowledged at %s on attempt %s%s', orderbell.instant(f.finished_at), f.attempt_count, coalesce(' (' || f.reason || ')', ''))
         when f.state = 'exhausted' then
           format('gave up at %s, the ladder is spent; %s', orderbell.instant(f.finished_at), f.reason)
         when f.state is not null then
           format('%s at %s: %s', f.state, orderbell.instant(f.finished_at), f.reason)
         else 'has neither a delivery nor an ending: it was inserted into a partition, or with triggers off, and is not being sent'
       end as explanation
from orderbell.notification n
left join orderbell.standing s on s.notification_id = n.id
left join lateral (
  select * from orderbell.finished f where f.notification_id = n.id order by f.round desc limit 1
) f on true
left join lateral (
  select * from orderbell.attempt a where a.notification_id = n.id order by a.attempt desc limit 1
) a on true;
comment on view orderbell.notification_status is 'Where each notification stands, finished or not, and why. Ask by order_no, by id, or by id >= orderbell.uuid7_floor(...) for a time.';
comment on column orderbell.notification_status.state is 'held, pending, in_flight (unfinished); acknowledged, exhausted, rejected, cancelled, superseded (finished).';
comment on column orderbell.notification_status.attempt_count is 'Attempts begun, over all rounds.';
comment on column orderbell.notification_status.rung is 'Rungs of the ladder spent in this round.';
comment on column orderbell.notification_status.round is '0 in the first life, one more for each replay.';
comment on column orderbell.notification_status.next_attempt_at is 'When it is, or was, due; null unless pending.';
comment on column orderbell.notification_status.gives_up_at is 'When the last attempt comes, at the earliest; null when finished or parked.';
comment on column orderbell.notification_status.last_outcome is 'What the last recorded attempt came to.';
comment on column orderbell.notification_status.explanation is 'A sentence: why it is where it is.';

create view orderbell.delivery_history as
select a.notification_id, a.attempt, a.round, a.endpoint, n.event, n.order_no,
       coalesce(a.url, n.url) as url,
       a.started_at,
       round(a.duration_us / 1000.0, 3) as duration_ms,
       a.outcome::text as outcome,
       a.http_status::integer as http_status,
       a.error, a.response_excerpt, a.worker
from orderbell.attempt a
left join orderbell.notification n on n.id = a.notification_id;
comment on view orderbell.delivery_history is 'Every attempt: when, to where, what came back, and why it was no acknowledgement.';
comment on column orderbell.delivery_history.duration_ms is 'From the start of the attempt to its outcome, in milliseconds.';
comment on column orderbell.delivery_history.url is 'Where it went, without what the format query adds.';
comment on column orderbell.delivery_history.error is 'Why it was no acknowledgement, with the bytes that came; null if it was one.';
comment on column orderbell.delivery_history.response_excerpt is 'The first bytes of the answer; what is not printable is written as \xNN.';

create view orderbell.backlog as
select count(*) filter (where due and parked is null)  as due_now,
       coalesce(extract(epoch from clock_timestamp() - min(next_attempt_at) filter (where due and parked is null)), 0)::double precision
                                                       as oldest_overdue_seconds,
       count(*) filter (where state = 'in_flight')     as in_flight,
       count(*) filter (where state = 'pending' and not due and parked is null) as waiting,
       count(*) filter (where state = 'held')          as held,
       count(*) filter (where state = 'pending' and parked is not null) as parked
from (select *, state = 'pending' and next_attempt_at <= clock_timestamp() as due from orderbell.standing) s;
comment on view orderbell.backlog is 'What is unfinished, in one row: due now and for how long, in flight, waiting on a rung or a time, held, parked.';

-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 5;
-- +goose StatementEnd

-- +goose Down
drop view orderbell.backlog;
drop view orderbell.delivery_history;
drop view orderbell.notification_status;
drop function orderbell.explain_unfinished(orderbell.standing, text);
drop view orderbell.standing;
drop function orderbell.instant(timestamptz);
-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 4;
-- +goose StatementEnd
