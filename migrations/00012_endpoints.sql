-- One bad endpoint harms nobody: what all workers may do to an endpoint together, its
-- breaker, its pause, and its health. The three new tables hold a few rows for each
-- endpoint that is limited or ill, and none for the others.
-- oldest_program() stays: a program of before works with this schema, and ignores
-- pauses, limits and breakers. Where these matter, replace every worker first.

-- +goose Up
-- No foreign keys onto endpoint: they would lock the row of a busy merchant, of which
-- operators must be able to get hold. A trigger tidies up after a deleted one.
create table orderbell.breaker (
  endpoint      text primary key,
  opened_at     timestamptz not null default clock_timestamp(),
  probe_at      timestamptz not null,
  probing_until timestamptz,
  probes        integer     not null default 0 check (probes >= 0),
  reason        text        not null,
  opened_by     text        not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, vacuum_truncate = off);
comment on table  orderbell.breaker is 'Internal: the breakers that are not closed; workers write it. Read endpoint_health instead.';
comment on column orderbell.breaker.probe_at is 'When the next probe may be sent: one request, whose outcome says whether the breaker closes.';
comment on column orderbell.breaker.probing_until is 'Until when the probe under way is its worker''s; null: there is none.';
comment on column orderbell.breaker.probes is 'Probes that have failed since it opened. Each makes the wait for the next one twice as long, up to 60 s.';
comment on column orderbell.breaker.reason is 'What the last attempt came to.';
comment on column orderbell.breaker.opened_by is 'The worker that opened it.';

create table orderbell.slot (
  endpoint     text        not null,
  holder       text        not null,
  slots        integer     not null check (slots > 0),
  leased_until timestamptz not null,
  primary key (endpoint, holder)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, vacuum_truncate = off);
comment on table  orderbell.slot is 'Internal: how many requests each worker may have in flight to an endpoint with max_in_flight. Written by reserve() alone.';
comment on column orderbell.slot.holder is 'The worker, with a token of its process.';
comment on column orderbell.slot.leased_until is 'From then on the slots are anybody''s: the worker has died, or lost the database.';

create table orderbell.pace (
  endpoint text        primary key,
  next_at  timestamptz not null default '-infinity'
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, vacuum_truncate = off);
comment on table  orderbell.pace is 'Internal: a row for each endpoint with a limit, which reserve() locks, so that workers count one after the other.';
comment on column orderbell.pace.next_at is 'When the next request may begin, where there is a rate_per_second.';

alter table orderbell.endpoint
  add column pause_reason text,
  drop constraint endpoint_max_in_flight_check,
  drop constraint endpoint_rate_per_second_check,
  add constraint endpoint_max_in_flight_check check (max_in_flight between 1 and 10000),
  add constraint endpoint_rate_per_second_check check (rate_per_second > 0 and rate_per_second <= 10000),
  add constraint endpoint_pause_reason_check check (pause_reason is null or paused_at is not null);
comment on column orderbell.endpoint.max_in_flight is 'How many requests at once, over all workers, 1 to 10,000; null: as many as they have places for. A strict limit.';
comment on column orderbell.endpoint.rate_per_second is 'How many requests may begin in a second, over all workers, up to 10,000 (0.1: one in ten seconds), evenly spaced; null: any number.';
comment on column orderbell.endpoint.paused_at is 'Since when nothing is sent; rows are kept, and spend no rung. Null: it is not paused. See pause() and resume().';
comment on column orderbell.endpoint.pause_reason is 'Why it is paused, for people to read.';

-- +goose StatementBegin
create or replace function orderbell.check_endpoint() returns trigger
language plpgsql
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  fault text := coalesce(orderbell.url_fault(new.url), orderbell.headers_fault(new.headers));
  absent text := case
    when new.url like 'sql:%' then 'an action (sql:)'
    when new.on_head_exhausted <> 'skip' then 'on_head_exhausted'
  end;
begin
  if absent is not null then
    raise feature_not_supported using
      message = format('endpoint %s: %s is not in this release', new.id, absent);
  elsif fault is not null then
    raise check_violation using message = format('endpoint %s: %s', new.id, fault);
  end if;
  if tg_op = 'UPDATE' and old.paused_at is not null and new.paused_at is null then
    new.pause_reason := null; -- it goes with the pause
  end if;
  return new;
end
$$;
-- +goose StatementEnd

-- Workers keep what they have read of endpoints and policies for seconds. A change is
-- heard at once: also by those that are awake, for whom nobody rings.
-- +goose StatementBegin
create function orderbell.tell_change() returns trigger
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
begin
  if (select wake from orderbell.setting) = 'bell' and pg_notification_queue_usage() < 0.5 then
    perform pg_notify('orderbell_change', '');
  end if;
  return null;
end
$$;
-- +goose StatementEnd
create trigger endpoint_changed after insert or update or delete on orderbell.endpoint
  for each statement execute function orderbell.tell_change();
-- All columns but fault, which workers write themselves.
create trigger policy_changed
  after insert or delete
     or update of name, ladder, acknowledge, reject, method, format, timeout, signature, retry_after_cap, first_wait
  on orderbell.policy
  for each statement execute function orderbell.tell_change();

-- +goose StatementBegin
-- Whoever is called like a deleted endpoint later begins anew.
create function orderbell.endpoint_deleted() returns trigger
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
begin
  -- In the order in which reserve() locks them.
  perform from orderbell.pace p where p.endpoint in (select id from gone) order by p.endpoint collate "C" for update;
  delete from orderbell.slot s where s.endpoint in (select id from gone);
  delete from orderbell.pace p where p.endpoint in (select id from gone);
  delete from orderbell.breaker b where b.endpoint in (select id from gone);
  return null;
end
$$;
-- +goose StatementEnd
create trigger endpoint_deleted after delete on orderbell.endpoint
  referencing old table as gone
  for each statement execute function orderbell.endpoint_deleted();

-- +goose StatementBegin
-- Raises the error for an endpoint that does not exist, as enqueue() does.
create function orderbell.refuse_endpoint(endpoint text) returns void
language plpgsql
set search_path = pg_catalog, orderbell, pg_temp
as $$
begin
  if refuse_endpoint.endpoint is null then
    raise null_value_not_allowed using message = 'endpoint cannot be null';
  end if;
  raise foreign_key_violation using
    message = format('unknown endpoint %s', to_json(refuse_endpoint.endpoint)),
    hint = coalesce(
      (select format('orderbell.endpoint has %s, among them %s.', count(*),
                     (select string_agg(to_json(id)::text, ', ') from
                       (select id from orderbell.endpoint order by id limit 5) first))
       from orderbell.endpoint having count(*) > 0),
      'orderbell.endpoint is empty; add one with: orderbell endpoint add ID URL');
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
create or replace function orderbell.pause(endpoint text, reason text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
begin
  update orderbell.endpoint e
  set paused_at = coalesce(e.paused_at, clock_timestamp()),
      pause_reason = coalesce(nullif(pause.reason, ''), e.pause_reason)
  where e.id = pause.endpoint;
  if not found then
    perform orderbell.refuse_endpoint(pause.endpoint);
  end if;
end
$$;
-- +goose StatementEnd
comment on function orderbell.pause(text, text) is 'Stops sending to an endpoint, at once: requests in flight finish, rows are kept and spend no rung. Once more: the pause stays as it is, with the new reason. Workers of releases before schema 12 ignore it.';

-- +goose StatementBegin
-- The triggers of endpoint ring the bell and tell the workers.
create or replace function orderbell.resume(endpoint text) returns void
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
begin
  update orderbell.endpoint e set paused_at = null, pause_reason = null where e.id = resume.endpoint;
  if not found then
    perform orderbell.refuse_endpoint(resume.endpoint);
  end if;
  delete from orderbell.breaker b where b.endpoint = resume.endpoint;
end
$$;
-- +goose StatementEnd
comment on function orderbell.resume(text) is 'Goes on sending to an endpoint, at once; closes its breaker too, so that one that is mended gets its backlog now.';

-- +goose StatementBegin
-- What a worker may do to endpoints that have limits. Each is locked by its row of pace,
-- in the order of their names, and counted by a later statement: a snapshot from before
-- the lock would not see what its last holder has taken.
-- Sends get times rather than tokens: evenly spaced, with 5 % to spare for timers that
-- are late, so that no second sees more than the rate. What is more than 50 ms ahead is
-- not given away: whoever asks for it might not be there any more.
create function orderbell.reserve(
  wanted text[], wanted_slots integer[], wanted_sends integer[], holder text, lease interval
) returns table (endpoint text, slots integer, sends integer, first interval, every interval)
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
#variable_conflict use_column
declare
  horizon constant interval := '50 ms';
  want record;
  stored timestamptz;
  next_send timestamptz;
  at timestamptz;
begin
  perform set_config('lock_timeout', '50ms', true); -- until the end of this statement
  for want in
    select u.endpoint, greatest(u.slots, 0) as slots, greatest(u.sends, 0) as sends, e.max_in_flight, e.rate_per_second,
           -- In whole microseconds, ten years at the most.
           case when e.rate_per_second is null then interval '0'
             else least(ceil(1050000 / e.rate_per_second), 3e14)::double precision * interval '1 microsecond'
           end as every
    from unnest(wanted, wanted_slots, wanted_sends) as u (endpoint, slots, sends)
    join orderbell.endpoint e on e.id = u.endpoint
    order by u.endpoint collate "C"
  loop
    endpoint := want.endpoint;
    slots := want.slots;
    sends := want.sends;
    first := interval '0';
    every := want.every;
    if want.max_in_flight is null and want.rate_per_second is null then
      return next; -- the limits have gone a moment ago
      continue;
    end if;

    -- Somebody's open transaction must not hold up the worker's other endpoints.
    begin
      loop
        select p.next_at into stored from orderbell.pace p where p.endpoint = want.endpoint for update;
        exit when found;
        insert into orderbell.pace (endpoint) values (want.endpoint) on conflict do nothing;
      end loop;
    exception when lock_not_available then
      continue; -- no grant: what is held stays, and the rest is asked for again
    end;
    at := clock_timestamp();

    if want.max_in_flight is not null then
      -- What is in flight goes on where max_in_flight has become less.
      select greatest(
               least(want.slots, want.max_in_flight - coalesce(sum(s.slots) filter (where s.holder <> reserve.holder), 0)),
               least(want.slots, coalesce(sum(s.slots) filter (where s.holder = reserve.holder), 0)),
               0) into slots
      from orderbell.slot s
      where s.endpoint = want.endpoint and s.leased_until > at;
      delete from orderbell.slot s
      where s.endpoint = want.endpoint
        and (s.holder = reserve.holder and reserve.slots = 0 or s.leased_until < at - interval '1 min');
      if slots > 0 then
        insert into orderbell.slot as s (endpoint, holder, slots, leased_until)
        values (want.endpoint, reserve.holder, reserve.slots, at + lease)
        on conflict (endpoint, holder) do update set slots = excluded.slots, leased_until = excluded.leased_until;
      end if;
    end if;

    if want.rate_per_second is not null then
      -- No further ahead than this rate can have led to: it may have been a lower one, and
      -- clocks are set back.
      next_send := least(greatest(stored, at), at + horizon + every);
      first := next_send - at;
      if first > horizon then
        sends := 0;
      else
        sends := least(sends, 1 + floor(extract(epoch from horizon - first) / extract(epoch from every)));
      end if;
      update orderbell.pace p set next_at = next_send + reserve.sends * reserve.every
      where p.endpoint = want.endpoint and (reserve.sends > 0 or stored > next_send);
    end if;
    return next;
  end loop;
end
$$;
-- +goose StatementEnd
comment on function orderbell.reserve is 'Internal: takes a worker''s share of what max_in_flight and rate_per_second allow.';

-- +goose StatementBegin
-- to_char has no word for an infinity, which somebody may have written by hand.
create or replace function orderbell.instant(at timestamptz) returns text
language sql stable parallel safe
return case when isfinite(at) then to_char(at, 'YYYY-MM-DD HH24:MI:SS TZ') else at::text end;
-- +goose StatementEnd

-- New columns come at the end, so that views of yours that read these ones stay; and no
-- function is called that those who may read backlog might not call.
create or replace view orderbell.standing as
select d.notification_id, d.state, d.next_attempt_at, d.leased_until, d.attempt_count, d.rung, d.round,
       d.ends_as, d.claimed_by, cardinality(p.ladder) as rungs, why.parked,
       -- Somebody may have written a time to which nothing can be added.
       case when d.state <> 'held' and why.parked is null and e.paused_at is null and d.next_attempt_at < '200000-01-01' then
         d.next_attempt_at
         + (select coalesce(sum(wait), interval '0') from unnest(p.ladder[d.rung + 1:]) as wait)
       end as gives_up_at,
       d.endpoint, e.paused_at, e.pause_reason,
       case when b.endpoint is null then 'closed' when b.probing_until > clock_timestamp() then 'half_open' else 'open' end as breaker, b.opened_at, b.reason as opened_because, b.probe_at
from orderbell.delivery d
left join orderbell.endpoint e on e.id = d.endpoint
left join orderbell.policy p on p.name = coalesce(d.policy, e.policy)
left join orderbell.breaker b on b.endpoint = d.endpoint
cross join lateral (
  select case
    when e.id is null then format('endpoint %s does not exist', d.endpoint)
    when p.name is null then format('policy %s does not exist', coalesce(d.policy, e.policy))
    else 'policy ' || p.name || ': ' || p.fault
  end as parked
) why;

-- +goose StatementBegin
create or replace function orderbell.explain_unfinished(s orderbell.standing, last_said text) returns text
language plpgsql stable
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  -- The attempt in flight has no record yet: what was said is the one before's.
  recorded bigint := s.attempt_count::bigint - (s.state = 'in_flight')::integer;
  coming bigint := s.attempt_count::bigint + 1;
  said text := case when last_said is null then '' else format('attempt %s: %s; ', recorded, last_said) end;
  due boolean := s.next_attempt_at <= clock_timestamp();
  due_since text := format('attempt %s is due since %s', coming, orderbell.instant(s.next_attempt_at));
  paused text := 'paused since ' || orderbell.instant(s.paused_at) || coalesce(' because ' || s.pause_reason, '');
begin
  if s.state = 'held' then
    return 'held back until it is released';
  elsif s.state = 'in_flight' then
    return said
      || format('attempt %s is being made by worker %s, whose lease %s %s', s.attempt_count, s.claimed_by,
                case when s.leased_until > clock_timestamp() then 'lasts until' else 'ended at' end,
                orderbell.instant(s.leased_until))
      || case
           when s.ends_as is null then ''
           when s.ends_as = 'acknowledged' then '; an earlier attempt was acknowledged meanwhile, and it ends with this one'
           else '; then it ends ' || s.ends_as || ', unless it was acknowledged'
         end;
  elsif s.parked is not null then
    return said || 'parked because ' || s.parked || '; no rung is spent, and it goes on by itself once that is mended'
      || coalesce(' and orderbell.resume is called: ' || paused, '');
  elsif due and paused is not null then
    return said || paused || ': ' || due_since || '; no rung is spent, it goes on when orderbell.resume is called';
  elsif due and s.breaker <> 'closed' then
    return said || due_since
      || format(', and waits: the endpoint''s breaker is open since %s (%s), %s; no rung is spent',
                orderbell.instant(s.opened_at), s.opened_because,
                case s.breaker
                  when 'half_open' then 'a probe is being sent'
                  else 'next probe at ' || orderbell.instant(s.probe_at)
                end);
  end if;
  return said
    || case
         when due then due_since || ' and waits for a worker'
         when s.rung = 0 then
           format('attempt %s comes at %s', coming, orderbell.instant(s.next_attempt_at))
         else
           format('waiting on rung %s of %s, next attempt at %s', s.rung, greatest(s.rung, s.rungs), orderbell.instant(s.next_attempt_at))
       end
    || coalesce('; ' || paused || ': then it is kept until orderbell.resume is called',
                ', gives up at ' || orderbell.instant(s.gives_up_at), '');
end
$$;
-- +goose StatementEnd

-- The same as before, for the new columns of what it hands to the function.
create or replace view orderbell.notification_status as
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
comment on column orderbell.notification_status.gives_up_at is 'When the last attempt comes, at the earliest; null when finished, parked or paused.';

create or replace view orderbell.backlog as
select count(*) filter (where due and sendable)        as due_now,
       coalesce(extract(epoch from clock_timestamp() - min(next_attempt_at) filter (where due and sendable)), 0)::double precision
                                                       as oldest_overdue_seconds,
       count(*) filter (where state = 'in_flight')     as in_flight,
       count(*) filter (where state = 'pending' and not due and parked is null) as waiting,
       count(*) filter (where state = 'held')          as held,
       count(*) filter (where state = 'pending' and parked is not null) as parked,
       count(*) filter (where due and parked is null and paused_at is not null) as paused,
       count(*) filter (where due and parked is null and paused_at is null and breaker <> 'closed') as behind_breaker
from (select *, state = 'pending' and next_attempt_at <= clock_timestamp() as due,
             parked is null and paused_at is null and breaker = 'closed' as sendable
      from orderbell.standing) s;
comment on view orderbell.backlog is 'What is unfinished, in one row; each notification is counted once.';
comment on column orderbell.backlog.due_now is 'Due, and nothing but the workers keeps them.';
comment on column orderbell.backlog.oldest_overdue_seconds is 'For how long the oldest of these is due.';
comment on column orderbell.backlog.waiting is 'Wait on a rung or for a time.';
comment on column orderbell.backlog.held is 'Kept back until they are released.';
comment on column orderbell.backlog.parked is 'Cannot be sent for a reason on our side; notification_status says which.';
comment on column orderbell.backlog.paused is 'Due, and kept because somebody has paused their endpoint.';
comment on column orderbell.backlog.behind_breaker is 'Due, and kept because their endpoint does not answer: its breaker is open.';

create view orderbell.endpoint_health as
select e.id as endpoint,
       coalesce(s.pending, 0) as pending, coalesce(s.in_flight, 0) as in_flight, coalesce(s.parked, 0) as parked,
       s.oldest_due_at,
       coalesce(a.attempts, 0) as attempts_24h,
       coalesce(a.acknowledged, 0) as acknowledged_24h,
       round(a.acknowledged::numeric / nullif(a.judged, 0), 4)::double precision as success_rate_24h,
       round(a.p50_us) / 1000 as p50_ms_24h,
       round(a.p95_us) / 1000 as p95_ms_24h,
       a.last_acknowledged_at,
       case when b.endpoint is null then 'closed' when b.probing_until > clock_timestamp() then 'half_open' else 'open' end as breaker,
       e.paused_at
from orderbell.endpoint e
left join orderbell.breaker b on b.endpoint = e.id
left join (
  select endpoint,
         count(*) filter (where state = 'pending') as pending,
         count(*) filter (where state = 'in_flight') as in_flight,
         count(*) filter (where state = 'pending' and parked is not null) as parked,
         min(next_attempt_at) filter (where state = 'pending' and next_attempt_at <= clock_timestamp()) as oldest_due_at
  from orderbell.standing
  group by endpoint
) s on s.endpoint = e.id
left join (
  select endpoint,
         count(*) filter (where recent) as attempts,
         count(*) filter (where recent and outcome = 'acknowledged') as acknowledged,
         count(*) filter (where recent and judged) as judged,
         percentile_cont(0.5) within group (order by duration_us) filter (where recent and judged) as p50_us,
         percentile_cont(0.95) within group (order by duration_us) filter (where recent and judged) as p95_us,
         max(started_at + duration_us * interval '1 microsecond') filter (where outcome = 'acknowledged') as last_acknowledged_at
  from (
    select endpoint, outcome, duration_us, started_at,
           started_at > now() - interval '24 hours' as recent, outcome not in ('interrupted', 'unknown') as judged
    from orderbell.attempt
    -- A few days' partitions: no ladder that comes with the schema is longer.
    where notification_id >= orderbell.uuid7_floor(now() - interval '8 days')
  ) a
  group by endpoint
) a on a.endpoint = e.id;
comment on view orderbell.endpoint_health is 'How each endpoint is doing, also one without traffic. Reads the attempts of notifications of the last 8 days.';
comment on column orderbell.endpoint_health.pending is 'Notifications that wait or are due, parked ones too.';
comment on column orderbell.endpoint_health.parked is 'Those of them that cannot be sent for a reason on our side.';
comment on column orderbell.endpoint_health.oldest_due_at is 'Since when the oldest due one is due, whatever keeps it; null: none is due.';
comment on column orderbell.endpoint_health.attempts_24h is 'Attempts begun in the last 24 hours.';
comment on column orderbell.endpoint_health.success_rate_24h is 'Acknowledged ones among them, 0 to 1. Interrupted and unknown attempts are left out: they are not the endpoint''s. Null: there are no others.';
comment on column orderbell.endpoint_health.p50_ms_24h is 'Half of these attempts took no longer, in milliseconds.';
comment on column orderbell.endpoint_health.p95_ms_24h is '95 % of these attempts took no longer, in milliseconds.';
comment on column orderbell.endpoint_health.last_acknowledged_at is 'When it last acknowledged one, of those of the last 8 days.';
comment on column orderbell.endpoint_health.breaker is 'closed: requests are sent. open: it did not answer; due rows wait and spend no rung, and a probe is sent now and then. half_open: a probe is under way.';
comment on column orderbell.endpoint_health.paused_at is 'Since when somebody has paused it; null: it is not paused.';

-- What looks leave out: a lane that may not send costs no statement. Both are empty on a
-- good day.
create index endpoint_paused on orderbell.endpoint (id) where paused_at is not null;
create index endpoint_policy on orderbell.endpoint (policy);
create view orderbell.silenced as
select id as endpoint from orderbell.endpoint where paused_at is not null
union all
select endpoint from orderbell.breaker where greatest(probe_at, probing_until) > now();
comment on view orderbell.silenced is 'Internal: the endpoints that nothing is sent to now, because they are paused or their breaker is open.';
create view orderbell.parked as
select e.id as endpoint
from orderbell.policy p
join orderbell.endpoint e on e.policy = p.name
where p.fault is not null;
comment on view orderbell.parked is 'Internal: the endpoints whose policy does not work. A notification may name another.';

-- +goose StatementBegin
do $$
declare
  wanted text;
  grants text;
begin
  revoke all on function orderbell.tell_change, orderbell.endpoint_deleted, orderbell.refuse_endpoint, orderbell.reserve from public;
  for wanted, grants in values
    ('orderbell_worker', 'select, insert, update, delete on orderbell.breaker'),
    ('orderbell_worker', 'select on orderbell.silenced, orderbell.parked'),
    ('orderbell_worker', 'execute on function orderbell.reserve'),
    ('orderbell_reader', 'select on orderbell.endpoint_health'),
    ('orderbell_operator', 'select on orderbell.endpoint_health, orderbell.breaker')
  loop
    if to_regrole(wanted) is not null then
      execute format('grant %s to %I', grants, wanted);
    end if;
  end loop;
end
$$;
-- +goose StatementEnd
-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 12;
-- +goose StatementEnd

-- +goose Down
-- Limits and pauses stay in endpoint, for when this is done again; until then nobody
-- keeps them, and such an endpoint cannot be changed before they are taken out.
-- What the views hand to one another has changed its shape: they are made anew.
drop view orderbell.parked;
drop view orderbell.silenced;
-- +goose StatementBegin
create or replace function orderbell.instant(at timestamptz) returns text
language sql stable parallel safe
return to_char(at, 'YYYY-MM-DD HH24:MI:SS TZ');
-- +goose StatementEnd
drop index orderbell.endpoint_policy;
drop index orderbell.endpoint_paused;
drop view orderbell.endpoint_health;
drop view orderbell.backlog;
drop view orderbell.notification_status;
drop function orderbell.explain_unfinished(orderbell.standing, text);
drop view orderbell.standing;
drop function orderbell.reserve;
drop trigger endpoint_deleted on orderbell.endpoint;
drop function orderbell.endpoint_deleted();
drop trigger policy_changed on orderbell.policy;
drop trigger endpoint_changed on orderbell.endpoint;
drop function orderbell.tell_change();
-- IF EXISTS: these rows are of the moment, nobody need be asked whether they may go.
drop table if exists orderbell.pace;
drop table if exists orderbell.slot;
drop table if exists orderbell.breaker;

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
      || case
           when s.ends_as is null then ''
           when s.ends_as = 'acknowledged' then '; an earlier attempt was acknowledged meanwhile, and it ends with this one'
           else '; then it ends ' || s.ends_as || ', unless it was acknowledged'
         end;
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
create or replace function orderbell.pause(endpoint text, reason text default null) returns void
language plpgsql as $$ begin
  raise feature_not_supported using message = 'pause is not in this release';
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
create or replace function orderbell.resume(endpoint text) returns void
language plpgsql as $$ begin
  raise feature_not_supported using message = 'resume is not in this release';
end $$;
-- +goose StatementEnd
comment on function orderbell.pause(text, text) is 'Stops sending to an endpoint; rows are kept. Not in this release.';
comment on function orderbell.resume(text) is 'Goes on sending to an endpoint. Not in this release.';
drop function orderbell.refuse_endpoint(text);

-- +goose StatementBegin
create or replace function orderbell.check_endpoint() returns trigger
language plpgsql
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  fault text := coalesce(orderbell.url_fault(new.url), orderbell.headers_fault(new.headers));
  absent text := case
    when new.url like 'sql:%' then 'an action (sql:)'
    when new.max_in_flight is not null then 'max_in_flight'
    when new.rate_per_second is not null then 'rate_per_second'
    when new.on_head_exhausted <> 'skip' then 'on_head_exhausted'
    when new.paused_at is not null then 'a pause'
  end;
begin
  if absent is not null then
    raise feature_not_supported using
      message = format('endpoint %s: %s is not in this release', new.id, absent);
  elsif fault is not null then
    raise check_violation using message = format('endpoint %s: %s', new.id, fault);
  end if;
  return new;
end
$$;
-- +goose StatementEnd

alter table orderbell.endpoint
  drop column pause_reason,
  drop constraint endpoint_max_in_flight_check,
  drop constraint endpoint_rate_per_second_check,
  add constraint endpoint_max_in_flight_check check (max_in_flight > 0),
  add constraint endpoint_rate_per_second_check check (rate_per_second > 0);
comment on column orderbell.endpoint.max_in_flight is 'How many requests at once, over all workers. Not in this release.';
comment on column orderbell.endpoint.rate_per_second is 'How many requests a second, over all workers. Not in this release.';
comment on column orderbell.endpoint.paused_at is 'Since when nothing is sent. Not in this release.';

-- +goose StatementBegin
do $$
declare
  wanted text;
  grants text;
begin
  revoke all on function orderbell.explain_unfinished from public;
  for wanted, grants in values
    ('orderbell_worker', 'select on orderbell.backlog'),
    ('orderbell_reader', 'select on orderbell.notification_status, orderbell.backlog'),
    ('orderbell_reader', 'execute on function orderbell.explain_unfinished'),
    ('orderbell_operator', 'select on orderbell.notification_status, orderbell.backlog'),
    ('orderbell_operator', 'execute on function orderbell.explain_unfinished')
  loop
    if to_regrole(wanted) is not null then
      execute format('grant %s to %I', grants, wanted);
    end if;
  end loop;
end
$$;
-- +goose StatementEnd
-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 11;
-- +goose StatementEnd
