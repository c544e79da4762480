-- A late acknowledgement of one attempt, while the next one is in flight elsewhere,
-- marks the row: it ends once that one is recorded too. Ending it at once would leave
-- a request without an attempt row if the other worker died before it could settle.

-- +goose Up
alter table orderbell.delivery
  drop constraint delivery_state,
  add constraint delivery_state check (
    state <= 'in_flight'
    and num_nonnulls(leased_until, claimed_by) = case state when 'in_flight' then 2 else 0 end
    and (leased_until is null or attempt_count > 0)
    and (ends_as is null or leased_until is not null and ends_as >= 'acknowledged' and ends_as not in ('exhausted', 'rejected'))
    and (state = 'held') = (next_attempt_at = 'infinity'));
comment on column orderbell.delivery.ends_as is 'Set on a row in flight by cancel, or by the late acknowledgement of an earlier attempt: how it ends once the attempt in flight is recorded. An acknowledgement wins.';

-- What was acknowledged ends so, also if it is cancelled later.
-- +goose StatementBegin
create or replace function orderbell.cancel(endpoint text, order_no text, event text default null) returns bigint
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
    update orderbell.delivery d
    set ends_as = case when d.ends_as = 'acknowledged' then d.ends_as else 'cancelled' end
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

-- +goose StatementBegin
create or replace function orderbell.explain_unfinished(s orderbell.standing, last_said text) returns text
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

-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 11;
-- +goose StatementEnd

-- +goose Down
update orderbell.delivery set ends_as = null where ends_as = 'acknowledged';
alter table orderbell.delivery
  drop constraint delivery_state,
  add constraint delivery_state check (
    state <= 'in_flight'
    and num_nonnulls(leased_until, claimed_by) = case state when 'in_flight' then 2 else 0 end
    and (leased_until is null or attempt_count > 0)
    and (ends_as is null or leased_until is not null and ends_as >= 'cancelled')
    and (state = 'held') = (next_attempt_at = 'infinity'));
comment on column orderbell.delivery.ends_as is 'Set by cancel on a row in flight: how it ends once its attempt is recorded, unless that is an acknowledgement.';

-- +goose StatementBegin
create or replace function orderbell.cancel(endpoint text, order_no text, event text default null) returns bigint
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

-- +goose StatementBegin
create or replace function orderbell.explain_unfinished(s orderbell.standing, last_said text) returns text
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

-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 10;
-- +goose StatementEnd
