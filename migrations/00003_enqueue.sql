-- What order services call: enqueue, release, cancel, and the trigger that gives
-- each notification its delivery row and rings the bell, so that a plain INSERT
-- from any language is enough.

-- +goose Up
-- +goose StatementBegin
-- The bell. A worker that sleeps, or wants to, holds or waits for this advisory
-- lock exclusively. Getting it shared therefore means that nobody sleeps, and
-- holding it to the end of the transaction keeps them from falling asleep
-- before it commits: no NOTIFY, which would take a lock on the whole cluster at
-- commit. Not getting it means that somebody must be woken.
-- A notification queue that fills up would make the commit fail: rather be late.
create function orderbell.ring() returns void
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
begin
  if (select wake from orderbell.setting) = 'bell'
     and not pg_try_advisory_xact_lock_shared(1330791493, 1)
     and pg_notification_queue_usage() < 0.5 then
    perform pg_notify('orderbell', '');
  end if;
end
$$;
-- +goose StatementEnd
comment on function orderbell.ring() is 'Wakes a sleeping worker when this transaction commits; does nothing where none sleeps.';

-- +goose StatementBegin
create function orderbell.ring_on_change() returns trigger
language plpgsql
set search_path = pg_catalog, orderbell, pg_temp
as $$
begin
  if tg_table_name = 'setting' then
    perform pg_notify('orderbell', ''); -- whether it rings may be what has changed
  else
    perform orderbell.ring();
  end if;
  return null;
end
$$;
-- +goose StatementEnd
create trigger setting_rings after update on orderbell.setting
  for each statement execute function orderbell.ring_on_change();
-- A mended policy or endpoint makes parked rows go on, also while workers sleep.
create trigger policy_rings after insert or update or delete on orderbell.policy
  for each statement execute function orderbell.ring_on_change();
create trigger endpoint_rings after insert or update or delete on orderbell.endpoint
  for each statement execute function orderbell.ring_on_change();

-- +goose StatementBegin
-- Raises the error for a row that names what does not exist, or asks for what
-- this release has not: better an error at once than a promise not kept.
create function orderbell.refuse_notification(n orderbell.notification, default_policy text) returns void
language plpgsql
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  absent text := case
    when n.hold then 'hold'
    when n.sequence_key is not null then 'sequence_key'
    when n.on_acknowledged is not null then 'on_acknowledged'
    when n.on_exhausted is not null then 'on_exhausted'
  end;
begin
  if absent is not null then
    raise feature_not_supported using message = format('%s is not in this release', absent);
  elsif default_policy is null then
    raise foreign_key_violation using
      message = format('unknown endpoint %s', to_json(n.endpoint)),
      hint = coalesce(
        (select format('orderbell.endpoint has %s, among them %s.', count(*),
                       (select string_agg(to_json(id)::text, ', ') from
                         (select id from orderbell.endpoint order by id limit 5) first))
         from orderbell.endpoint having count(*) > 0),
        'orderbell.endpoint is empty; add one with: orderbell endpoint add ID URL');
  end if;
  raise foreign_key_violation using
    message = format('unknown policy %s', to_json(n.policy)),
    hint = format('orderbell.policy has %s.', (select string_agg(name, ', ' order by name) from orderbell.policy));
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- The two settings of the planner keep the cached plans on nested loops over the
-- primary keys: a session whose first insert was a large one would otherwise
-- hash all endpoints for each single row from then on.
create function orderbell.notification_inserted() returns trigger
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  perform orderbell.refuse_notification(n, e.policy)
  from new_rows n
  left join orderbell.endpoint e on e.id = n.endpoint
  left join orderbell.policy p on p.name = coalesce(n.policy, e.policy)
  where p.name is null or e.id is null or n.hold
     or coalesce(n.sequence_key, n.on_acknowledged, n.on_exhausted) is not null;

  if exists (select from new_rows where dedupe_key is not null) then
    -- In the order of the keys: two bulk inserts then wait for one another
    -- rather than deadlock.
    insert into orderbell.dedupe (endpoint, key, id)
    select distinct on (endpoint, dedupe_key) endpoint, dedupe_key, id
    from new_rows
    where octet_length(dedupe_key) <= 1024
    order by endpoint, dedupe_key, id
    on conflict do nothing;
  end if;

  with judged as materialized (
    select n.id, n.endpoint, n.policy,
           greatest(coalesce(n.deliver_at, clock_timestamp() + p.first_wait), clock_timestamp()) as due,
           case when k.id <> n.id then 'duplicate of ' || k.id end as duplicate,
           orderbell.notification_fault(n.body, s.max_body_bytes, p.format, n.url, n.content_type,
                                        n.headers, n.dedupe_key, n.deliver_at) as fault
    from new_rows n
    join orderbell.endpoint e on e.id = n.endpoint
    join orderbell.policy p on p.name = coalesce(n.policy, e.policy)
    left join orderbell.dedupe k on k.endpoint = n.endpoint and k.key = n.dedupe_key
    cross join orderbell.setting s
  ), ended as (
    insert into orderbell.finished (notification_id, round, state, reason, attempt_count)
    select id, 0, case when duplicate is null then 'rejected' else 'cancelled' end::orderbell.state,
           coalesce(duplicate, fault), 0
    from judged
    where coalesce(duplicate, fault) is not null
  )
  insert into orderbell.delivery (notification_id, endpoint, policy, state, next_attempt_at)
  select id, endpoint, policy, 'pending', due
  from judged
  where coalesce(duplicate, fault) is null;

  if found then
    perform orderbell.ring();
  end if;
  return null;
end
$$;
-- +goose StatementEnd
create trigger notification_inserted after insert on orderbell.notification
  referencing new table as new_rows
  for each statement execute function orderbell.notification_inserted();

-- +goose StatementBegin
-- plpgsql, not sql: a function in sql is planned again at each call.
create function orderbell.enqueue(
  endpoint text, event text, order_no text, body text,
  url text default null, content_type text default null, dedupe_key text default null,
  deliver_after interval default interval '0', policy text default null,
  hold boolean default false, supersede boolean default false, sequence_key text default null,
  headers jsonb default '{}', on_acknowledged text default null, on_exhausted text default null
) returns uuid
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
#variable_conflict use_column
declare
  new_id uuid := orderbell.uuid7();
  first_id uuid;
begin
  if supersede then
    raise feature_not_supported using message = 'supersede is not in this release';
  elsif supersede is null or deliver_after is null then
    raise null_value_not_allowed using message = 'supersede and deliver_after cannot be null';
  end if;
  while octet_length(enqueue.dedupe_key) <= 1024 loop
    insert into orderbell.dedupe (endpoint, key, id)
    values (enqueue.endpoint, enqueue.dedupe_key, new_id)
    on conflict do nothing;
    exit when found;
    -- A statement of its own: it sees what the insert has waited for.
    select d.id into first_id from orderbell.dedupe d
    where d.endpoint = enqueue.endpoint and d.key = enqueue.dedupe_key;
    if found then
      return first_id;
    end if;
  end loop;
  insert into orderbell.notification (
    id, endpoint, event, order_no, body, url, content_type, dedupe_key, deliver_at,
    policy, hold, sequence_key, headers, on_acknowledged, on_exhausted
  ) values (
    new_id, enqueue.endpoint, enqueue.event, enqueue.order_no, enqueue.body, enqueue.url,
    enqueue.content_type, enqueue.dedupe_key,
    -- The bounds keep the sum inside what a timestamp can hold.
    case when deliver_after > interval '0' then clock_timestamp() + least(deliver_after, interval '11 years') end,
    enqueue.policy, enqueue.hold, enqueue.sequence_key, enqueue.headers,
    enqueue.on_acknowledged, enqueue.on_exhausted
  );
  return new_id;
end
$$;
-- +goose StatementEnd
comment on function orderbell.enqueue is
  'Writes a notification in the caller''s transaction and returns its id; with a known dedupe_key the first one''s id.';

-- +goose StatementBegin
-- Locks the rows in the order of their ids, as everybody does, and writes in a
-- second statement, which sees what the first has waited for.
create function orderbell.cancel(endpoint text, order_no text, event text default null) returns bigint
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  ids uuid[];
  cancelled bigint;
begin
  if cancel.endpoint is null or cancel.order_no is null then
    raise null_value_not_allowed using message = 'endpoint and order_no cannot be null';
  end if;
  select array_agg(locked.notification_id) into ids from (
    select d.notification_id
    from orderbell.delivery d
    where d.notification_id = any (array(
      select n.id from orderbell.notification n
      where n.order_no = cancel.order_no and n.endpoint = cancel.endpoint
        and (cancel.event is null or n.event = cancel.event)))
    order by d.notification_id
    for update) locked;

  with marked as (
    update orderbell.delivery d set ends_as = 'cancelled'
    where d.notification_id = any (ids) and d.state = 'in_flight'
    returning 1
  ), ended as (
    delete from orderbell.delivery d
    where d.notification_id = any (ids) and d.state <> 'in_flight'
    returning d.*
  ), written as (
    insert into orderbell.finished (notification_id, round, state, reason, attempt_count, rung)
    select ended.notification_id, ended.round, 'cancelled', 'cancelled by ' || session_user, ended.attempt_count, ended.rung
    from ended
  )
  select (select count(*) from marked) + (select count(*) from ended) into cancelled;
  return cancelled;
end
$$;
-- +goose StatementEnd
comment on function orderbell.cancel(text, text, text) is
  'Ends the unfinished notifications of an order (of one event, or all); a row in flight is marked and ends after its attempt. Returns how many.';

-- What later releases bring. The signatures are whole, so that callers can be
-- written; a call is refused, never accepted and ignored.
-- +goose StatementBegin
create function orderbell.release(endpoint text, order_no text, event text default null) returns bigint
language plpgsql as $$ begin
  raise feature_not_supported using message = 'release is not in this release';
end $$;
-- +goose StatementEnd
create type orderbell.replayed as (id uuid, attempt_count integer);
-- +goose StatementBegin
create function orderbell.replay(id uuid, reason text) returns orderbell.replayed
language plpgsql as $$ begin
  raise feature_not_supported using message = 'replay is not in this release';
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
create function orderbell.replay_matching(
  endpoint text, state text, since timestamptz, until timestamptz default now(),
  event text default null, reason text default null, per_second integer default 50, dry_run boolean default true
) returns table (batch_id bigint, matched bigint)
language plpgsql as $$ begin
  raise feature_not_supported using message = 'replay_matching is not in this release';
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
create function orderbell.pause(endpoint text, reason text default null) returns void
language plpgsql as $$ begin
  raise feature_not_supported using message = 'pause is not in this release';
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
create function orderbell.resume(endpoint text) returns void
language plpgsql as $$ begin
  raise feature_not_supported using message = 'resume is not in this release';
end $$;
-- +goose StatementEnd

comment on function orderbell.release(text, text, text) is 'Lets held notifications of an order go. Not in this release.';
comment on function orderbell.replay(uuid, text) is 'Sends a finished notification again, with the same id. Not in this release.';
comment on function orderbell.replay_matching(text, text, timestamptz, timestamptz, text, text, integer, boolean) is 'Sends the finished notifications of an endpoint and a time again. Not in this release.';
comment on function orderbell.pause(text, text) is 'Stops sending to an endpoint; rows are kept. Not in this release.';
comment on function orderbell.resume(text) is 'Goes on sending to an endpoint. Not in this release.';

-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 3;
-- +goose StatementEnd

-- +goose Down
drop function orderbell.resume(text);
drop function orderbell.pause(text, text);
drop function orderbell.replay_matching(text, text, timestamptz, timestamptz, text, text, integer, boolean);
drop function orderbell.replay(uuid, text);
drop type orderbell.replayed;
drop function orderbell.release(text, text, text);
drop function orderbell.cancel(text, text, text);
drop function orderbell.enqueue;
drop trigger notification_inserted on orderbell.notification;
drop function orderbell.notification_inserted();
drop function orderbell.refuse_notification(orderbell.notification, text);
drop trigger setting_rings on orderbell.setting;
drop trigger endpoint_rings on orderbell.endpoint;
drop trigger policy_rings on orderbell.policy;
drop function orderbell.ring_on_change();
drop function orderbell.ring();
-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 2;
-- +goose StatementEnd
