-- Order push, hooks and actions: rows that are held until their order is complete,
-- replaced by a newer one, or delivered one after the other; several in one request;
-- functions of the database that are called when a row ends, or instead of a request.
-- oldest_program() stays: a program of before works with this schema, but calls no hook
-- and keeps no order. Use these only when every worker has been replaced.

-- +goose Up
alter table orderbell.delivery
  add column alone        boolean not null default false,
  add column owes         boolean not null default false,
  add column seq          bigint,
  add column sequence_key text,
  add column not_before   timestamptz,
  add column released_at  timestamptz;
comment on column orderbell.delivery.alone is 'It has a hook, so that it is settled in a transaction of its own.';
comment on column orderbell.delivery.owes is 'It has come to its end, but its hook has not worked yet: the hook is tried again, and nothing is sent. See orderbell.owed.';
comment on column orderbell.delivery.seq is 'Its number among the rows of its sequence_key: they were committed, and are delivered, in this order.';
comment on column orderbell.delivery.sequence_key is 'The notification''s, if it has one.';
comment on column orderbell.delivery.not_before is 'The time that it was asked to wait for, where release or its turn may come sooner.';
comment on column orderbell.delivery.released_at is 'When release() let it go.';
comment on column orderbell.delivery.ends_as is 'Set on a row in flight by cancel, by a newer one that supersedes it, or by the late acknowledgement of an earlier attempt: how it ends once the attempt in flight is recorded. An acknowledgement wins.';

-- Of rows with a key alone: nobody else pays for them. What a claim changes is in neither.
create index delivery_sequence on orderbell.delivery (endpoint, sequence_key, seq) where sequence_key is not null;
create index delivery_queue on orderbell.delivery (next_attempt_at) where sequence_key is not null;
create index delivery_owes on orderbell.delivery (next_attempt_at) where owes;
create sequence orderbell.sequence as bigint;
comment on sequence orderbell.sequence is 'Internal: numbers the rows that have a sequence_key.';

create table orderbell.blocked (
  endpoint        text        not null,
  sequence_key    text        not null,
  seq             bigint      not null,
  notification_id uuid        not null,
  since           timestamptz not null default clock_timestamp(),
  primary key (endpoint, sequence_key)
);
comment on table  orderbell.blocked is 'Sequences that stand still: their head ended exhausted or rejected, and their endpoint says on_head_exhausted block. See unblock(). A row counts only as long as the endpoint says so.';
comment on column orderbell.blocked.notification_id is 'The head that ended; what comes after it waits.';

create table orderbell.hook (
  name     text         primary key check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$'),
  function regprocedure not null
);
comment on table  orderbell.hook is 'Functions that a notification may name in on_acknowledged and on_exhausted. Operators write it: a function that is in here is called by the worker''s user.';
comment on column orderbell.hook.function is 'A function (order_no text, answer text) returns void. It is called in the transaction that settles the row.';

create table orderbell.owed (
  notification_id uuid        primary key,
  state           orderbell.state not null check (state in ('acknowledged', 'exhausted', 'rejected')),
  reason          text,
  hook            text        not null,
  answer          text,
  tries           integer     not null default 0 check (tries >= 0),
  fault           text,
  since           timestamptz not null default clock_timestamp(),
  constraint owed_reason check (state = 'acknowledged' or reason is not null)
);
comment on table  orderbell.owed is 'Internal: what a row ends as once its hook has worked. notification_status says why it has not yet.';
comment on column orderbell.owed.answer is 'What the hook is given: the text of the last answer, null where none came.';
comment on column orderbell.owed.tries is 'How often the hook has failed.';

alter table orderbell.endpoint
  add column batch_size integer check (batch_size between 2 and 100),
  add column batch_wait interval not null default interval '0' check (batch_wait between interval '0' and interval '30 s'),
  add column answer_key text check (octet_length(answer_key) between 1 and 16384);
comment on column orderbell.endpoint.url is 'http:// or https://; a notification may bring its own instead. Or sql:schema.function, an action: a function (order_no text, body text) returns boolean of this database.';
comment on column orderbell.endpoint.on_head_exhausted is 'What happens to a sequence whose head ends exhausted or rejected. skip: the next one goes. block: none goes until unblock().';
comment on column orderbell.endpoint.batch_size is 'The most notifications in one request, as a JSON array, 2 to 100; null: each has its own.';
comment on column orderbell.endpoint.batch_wait is 'How long the first of a batch waits for others, up to 30 s.';
comment on column orderbell.endpoint.answer_key is 'The public key or certificate (PEM) that verifies this endpoint''s answers, where its signature scheme has signed answers.';
comment on column orderbell.notification.hold is 'Keep back until release().';
comment on column orderbell.notification.sequence_key is 'Rows of one endpoint and key are delivered one after the other, in commit order.';
comment on column orderbell.notification.on_acknowledged is 'The hook that is called with the answer when it is acknowledged: a name in orderbell.hook.';
comment on column orderbell.notification.on_exhausted is 'The hook that is called when it ends exhausted or rejected.';
comment on column orderbell.policy.timeout is 'Bound of one attempt, from looking up the name to the last byte of the answer; of an action, and of a hook.';

-- +goose StatementBegin
create or replace function orderbell.signature_fault(signature text) returns text
language sql immutable parallel safe
return case when signature !~ '^(none|standard-webhooks|alipay-rsa2|alipay-gateway|wechatpay-v3|wechatpay-request|hmac-sha256(:[A-Za-z0-9!#$%&''*+.^_`|~-]{1,100})?)$' then
  'signature is none of: none, standard-webhooks, alipay-rsa2, alipay-gateway, wechatpay-v3, wechatpay-request, hmac-sha256, hmac-sha256:Header-Name'
end;
-- +goose StatementEnd
comment on column orderbell.endpoint.signature is 'Instead of the policy''s: none, standard-webhooks, alipay-rsa2, alipay-gateway, wechatpay-v3, wechatpay-request, hmac-sha256 or hmac-sha256:Header-Name. Null: the policy''s.';
comment on column orderbell.policy.signature is 'How requests are signed: none, standard-webhooks, alipay-rsa2, alipay-gateway, wechatpay-v3, wechatpay-request, hmac-sha256 or hmac-sha256:Header-Name. The secret is each endpoint''s own.';

-- +goose StatementBegin
-- What is wrong with a function that is to be called, for the user who asks; null where
-- all is well.
create function orderbell.function_fault(called regprocedure, returns regtype) returns text
language plpgsql stable
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  p record;
begin
  select * into p from pg_proc where oid = called;
  if not found then
    return 'its function does not exist any more';
  elsif p.prokind <> 'f' or p.proretset or p.prorettype <> returns or p.pronargs <> 2 or p.proargtypes[0] <> 'text'::regtype or p.proargtypes[1] <> 'text'::regtype then
    return format('%s is no function (text, text) returns %s', called, returns);
  elsif p.proisstrict and returns = 'void'::regtype then
    return format('%s is strict: where there is no answer, which is null, it would not be called', called);
  elsif not has_schema_privilege(p.pronamespace, 'usage') then
    return format('%s may not use the schema %s', current_user, p.pronamespace::regnamespace);
  elsif not has_function_privilege(called, 'execute') then
    return format('%s may not execute %s', current_user, called);
  end if;
  return null;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- The function of an action's URL, as it is called; null where the URL names none.
create function orderbell.action(url text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  name text[];
begin
  if url !~ '^sql:.' then
    return null;
  end if;
  name := parse_ident(substr(url, 5));
  return case when cardinality(name) = 2 then format('%I.%I', name[1], name[2]) end;
exception when invalid_parameter_value then
  return null;
end
$$;
-- +goose StatementEnd
comment on function orderbell.action(text) is 'The function that an action''s URL names, sql:schema.function, as it is called.';

-- +goose StatementBegin
create function orderbell.action_fault(url text) returns text
language plpgsql stable
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  called text := orderbell.action(url);
begin
  if called is null then
    return 'url is no sql:schema.function';
  elsif to_regprocedure(called || '(text,text)') is null then
    return format('there is no function %s(text, text)', called);
  end if;
  return orderbell.function_fault(to_regprocedure(called || '(text,text)'), 'boolean');
exception when insufficient_privilege then
  return format('%s may not use the schema of %s', current_user, called);
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
create function orderbell.check_hook() returns trigger
language plpgsql
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  fault text := orderbell.function_fault(new.function, 'void');
begin
  if fault is not null then
    raise check_violation using message = format('hook %s: %s', new.name, fault);
  end if;
  return new;
end
$$;
-- +goose StatementEnd
create trigger hook_checked before insert or update on orderbell.hook
  for each row execute function orderbell.check_hook();

-- +goose StatementBegin
create or replace function orderbell.check_endpoint() returns trigger
language plpgsql
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  is_action boolean := new.url like 'sql:%';
  fault text := coalesce(
    case when is_action then orderbell.action_fault(new.url) else orderbell.url_fault(new.url) end,
    orderbell.headers_fault(new.headers), orderbell.signature_fault(new.signature),
    case
      when is_action and new.batch_size is not null then 'an action has no batches'
      when new.batch_size is null and new.batch_wait > interval '0' then 'batch_wait needs a batch_size'
    end);
begin
  if fault is not null then
    raise check_violation using message = format('endpoint %s: %s', new.id, fault);
  end if;
  if tg_op = 'UPDATE' then
    if old.paused_at is not null and new.paused_at is null then
      new.pause_reason := null; -- it goes with the pause
    end if;
    new.fault := null; -- workers look again
  end if;
  return new;
end
$$;
-- +goose StatementEnd
drop trigger endpoint_checked on orderbell.endpoint;
create trigger endpoint_checked
  before insert or update of id, url, policy, headers, max_in_flight, rate_per_second, on_head_exhausted, paused_at, pause_reason,
                             signature, batch_size, batch_wait, answer_key
  on orderbell.endpoint
  for each row execute function orderbell.check_endpoint();
drop trigger endpoint_changed on orderbell.endpoint;
create trigger endpoint_changed
  after insert or delete
     or update of id, url, policy, headers, max_in_flight, rate_per_second, on_head_exhausted, paused_at, pause_reason,
                  signature, batch_size, batch_wait, answer_key
  on orderbell.endpoint
  for each statement execute function orderbell.tell_change();

-- +goose StatementBegin
-- Makes the next row of a sequence due, wherever it was put off to. One that is due
-- already is written too: a look reaches back two seconds only, and what is about to put
-- it off, because its snapshot has the one before it, then finds it changed. Rows that
-- somebody holds are passed over: they come due by themselves within a minute.
create function orderbell.promote(endpoints text[], keys text[], seqs bigint[]) returns bigint
language plpgsql
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  promoted bigint;
begin
  update orderbell.delivery d
  set next_attempt_at = greatest(clock_timestamp(), d.not_before)
  where d.notification_id = any (array(
    select next.notification_id
    from unnest(endpoints, keys, seqs) as ended (endpoint, key, seq)
    cross join lateral (
      select s.notification_id
      from orderbell.delivery s
      where s.notification_id = (
          select x.notification_id from orderbell.delivery x
          where x.endpoint = ended.endpoint and x.sequence_key = ended.key and x.seq > ended.seq
          order by x.seq limit 1)
        and s.state = 'pending' and s.attempt_count = 0
      for update skip locked
    ) next));
  get diagnostics promoted = row_count;
  return promoted;
end
$$;
-- +goose StatementEnd
comment on function orderbell.promote is 'Internal: makes the next rows of sequences due.';

-- +goose StatementBegin
-- Ends rows, or marks those in flight. Locks them in the order of their ids, as
-- everybody does, and writes in a second statement, which sees what the first has waited
-- for. A row that owes its hook ends as what it has come to.
create function orderbell.end_rows(wanted uuid[], how orderbell.state, because text) returns bigint
language plpgsql
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  ids uuid[];
  touched bigint;
  endpoints text[];
  keys text[];
  seqs bigint[];
begin
  select array_agg(locked.notification_id) into ids from (
    select d.notification_id
    from orderbell.delivery d
    where d.notification_id = any (wanted)
      -- What has come to its end is not older: its hook is still to be called.
      and not (how = 'superseded' and d.owes)
    order by d.notification_id
    for update) locked;

  with marked as (
    update orderbell.delivery d
    set ends_as = case when d.ends_as = 'acknowledged' then d.ends_as else how end
    where d.notification_id = any (ids) and d.state = 'in_flight'
    returning 1
  ), ended as (
    delete from orderbell.delivery d
    where d.notification_id = any (ids) and d.state <> 'in_flight'
    returning d.*
  ), paid as (
    delete from orderbell.owed o where o.notification_id = any (ids) returning o.*
  ), written as (
    insert into orderbell.finished (notification_id, round, state, reason, attempt_count, rung, released_at)
    select ended.notification_id, ended.round, coalesce(paid.state, how),
           case when paid.state is null then because
             else format('its hook %s was given up, %s; %s', paid.hook, because, coalesce(paid.reason, 'acknowledged'))
           end,
           ended.attempt_count, ended.rung, ended.released_at
    from ended left join paid on paid.notification_id = ended.notification_id
  ), blocked as (
    insert into orderbell.blocked (endpoint, sequence_key, seq, notification_id)
    select ended.endpoint, ended.sequence_key, ended.seq, ended.notification_id
    from ended
    join paid on paid.notification_id = ended.notification_id
    join orderbell.endpoint e on e.id = ended.endpoint
    where e.on_head_exhausted = 'block' and ended.seq is not null and paid.state in ('exhausted', 'rejected')
    on conflict do nothing
  )
  select (select count(*) from marked) + count(*),
         array_agg(ended.endpoint) filter (where seq is not null),
         array_agg(ended.sequence_key) filter (where seq is not null),
         array_agg(ended.seq) filter (where seq is not null)
  into touched, endpoints, keys, seqs
  from ended;
  if seqs is not null and orderbell.promote(endpoints, keys, seqs) > 0 then
    perform orderbell.ring();
  end if;
  return touched;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- The notifications of an order that its callers mean.
create function orderbell.of_order(endpoint text, order_no text, event text) returns uuid[]
language plpgsql stable
set search_path = pg_catalog, orderbell, pg_temp
as $$
begin
  if of_order.endpoint is null or of_order.order_no is null then
    raise null_value_not_allowed using message = 'endpoint and order_no cannot be null';
  end if;
  return array(
    select n.id from orderbell.notification n
    where n.order_no = of_order.order_no and n.endpoint = of_order.endpoint
      and (of_order.event is null or n.event = of_order.event));
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
create or replace function orderbell.cancel(endpoint text, order_no text, event text default null) returns bigint
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
begin
  return orderbell.end_rows(orderbell.of_order(cancel.endpoint, cancel.order_no, cancel.event), 'cancelled', 'cancelled by ' || session_user);
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
create or replace function orderbell.release(endpoint text, order_no text, event text default null) returns bigint
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  wanted uuid[] := orderbell.of_order(release.endpoint, release.order_no, release.event);
  ids uuid[];
begin
  select array_agg(locked.notification_id) into ids from (
    select d.notification_id
    from orderbell.delivery d
    where d.notification_id = any (wanted) and d.state = 'held'
    order by d.notification_id
    for update) locked;
  if ids is null then
    return 0;
  end if;
  update orderbell.delivery d
  set state = 'pending', released_at = clock_timestamp(), next_attempt_at = greatest(clock_timestamp(), d.not_before)
  where d.notification_id = any (ids);
  perform orderbell.ring();
  return cardinality(ids);
end
$$;
-- +goose StatementEnd
comment on function orderbell.release(text, text, text) is 'Lets the held notifications of an order go (of one event, or all): they are due at once, or at their deliver_at. Returns how many.';

-- +goose StatementBegin
create function orderbell.unblock(endpoint text, sequence_key text default null) returns bigint
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  endpoints text[];
  keys text[];
  seqs bigint[];
begin
  if unblock.endpoint is null then
    raise null_value_not_allowed using message = 'endpoint cannot be null';
  end if;
  with gone as (
    delete from orderbell.blocked b
    where b.endpoint = unblock.endpoint and (unblock.sequence_key is null or b.sequence_key = unblock.sequence_key)
    returning b.*
  )
  select array_agg(gone.endpoint), array_agg(gone.sequence_key), array_agg(gone.seq) into endpoints, keys, seqs from gone;
  if seqs is null then
    return 0;
  end if;
  perform orderbell.promote(endpoints, keys, seqs);
  perform orderbell.ring();
  return cardinality(seqs);
end
$$;
-- +goose StatementEnd
comment on function orderbell.unblock(text, text) is 'Lets sequences of an endpoint go on past a head that ended exhausted or rejected (one key, or all). Returns how many.';

-- +goose StatementBegin
-- Both ways: a head that ended while the endpoint was told to skip may have left a row.
create function orderbell.endpoint_unblocks() returns trigger
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
begin
  perform orderbell.unblock(new.id);
  return null;
end
$$;
-- +goose StatementEnd
create trigger endpoint_unblocks after update of on_head_exhausted on orderbell.endpoint
  for each row when (old.on_head_exhausted = 'block' and new.on_head_exhausted = 'skip')
  execute function orderbell.endpoint_unblocks();

-- +goose StatementBegin
create or replace function orderbell.endpoint_deleted() returns trigger
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
begin
  -- In the order in which reserve() locks them.
  perform from orderbell.pace p where p.endpoint in (select id from gone) order by p.endpoint collate "C" for update;
  delete from orderbell.slot s where s.endpoint in (select id from gone);
  delete from orderbell.pace p where p.endpoint in (select id from gone);
  delete from orderbell.breaker b where b.endpoint in (select id from gone);
  delete from orderbell.secret s where s.endpoint in (select id from gone);
  delete from orderbell.blocked b where b.endpoint in (select id from gone);
  return null;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
create or replace function orderbell.enqueue(
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
  if supersede is null or deliver_after is null then
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
  if supersede then
    -- The order's rows first, as after release and cancel, and then the keys: whoever
    -- released a row and writes another one then would wait for us, and we for them.
    perform from orderbell.delivery d
    where d.notification_id = any (orderbell.of_order(enqueue.endpoint, enqueue.order_no, enqueue.event))
    order by d.notification_id
    for update;
    -- Of two states of one order that are written at the same time, the later one sees
    -- the other.
    perform pg_advisory_xact_lock(1330791495, hashtext(concat_ws(chr(1), enqueue.endpoint, enqueue.order_no, enqueue.event)));
  end if;
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
  -- What cannot be sent replaces nothing.
  if supersede and exists (select from orderbell.delivery d where d.notification_id = new_id and not d.owes) then
    perform orderbell.end_rows(
      array_remove(orderbell.of_order(enqueue.endpoint, enqueue.order_no, enqueue.event), new_id),
      'superseded', 'superseded by ' || new_id);
  end if;
  return new_id;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- Raises the error for a row that names what does not exist: better an error at once than
-- a promise not kept.
create or replace function orderbell.refuse_notification(n orderbell.notification, default_policy text) returns void
language plpgsql
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  hook text := (
    select named.hook from unnest(array[n.on_acknowledged, n.on_exhausted]) as named (hook)
    where named.hook is not null and not exists (select from orderbell.hook h where h.name = named.hook) limit 1);
begin
  if default_policy is null then
    raise foreign_key_violation using
      message = format('unknown endpoint %s', to_json(n.endpoint)),
      hint = coalesce(
        (select format('orderbell.endpoint has %s, among them %s.', count(*),
                       (select string_agg(to_json(id)::text, ', ') from
                         (select id from orderbell.endpoint order by id limit 5) first))
         from orderbell.endpoint having count(*) > 0),
        'orderbell.endpoint is empty; add one with: orderbell endpoint add ID URL');
  elsif hook is not null then
    raise foreign_key_violation using
      message = format('unknown hook %s', to_json(hook)),
      hint = coalesce(
        (select format('orderbell.hook has %s.', string_agg(to_json(name)::text, ', ' order by name)) from orderbell.hook having count(*) > 0),
        'orderbell.hook is empty; add one with: orderbell hook add NAME SCHEMA.FUNCTION');
  end if;
  raise foreign_key_violation using
    message = format('unknown policy %s', to_json(n.policy)),
    hint = format('orderbell.policy has %s.', (select string_agg(name, ', ' order by name) from orderbell.policy));
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- Without jit: a plan that was made for a large insert is kept by its session, and each
-- single row after it was compiled again, 1.9 s the first time and 50 ms from then on.
create or replace function orderbell.notification_inserted() returns trigger
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
set jit = off
as $$
declare
  written bigint;
  any_due boolean;
  keys    bigint;
begin
  insert into orderbell.delivery (notification_id, endpoint, policy, state, next_attempt_at, not_before)
  select n.id, n.endpoint, n.policy, 'pending',
         greatest(coalesce(n.deliver_at, clock_timestamp() + greatest(p.first_wait, e.batch_wait)), clock_timestamp()),
         case when e.batch_size is not null then coalesce(n.deliver_at, clock_timestamp() + nullif(p.first_wait, interval '0')) end
  from new_rows n
  cross join lateral (select e.policy, e.batch_size, e.batch_wait from orderbell.endpoint e where e.id = n.endpoint offset 0) e
  cross join lateral (
    select p.format, p.first_wait from orderbell.policy p where p.name = coalesce(n.policy, e.policy) offset 0) p
  cross join orderbell.setting s
  where n.dedupe_key is null and n.sequence_key is null and n.on_acknowledged is null and n.on_exhausted is null
    and not n.hold
    and case
          when n.url is null and n.headers = '{}' and n.content_type is null and n.deliver_at is null and p.format = 'body'
            then octet_length(n.body) <= s.max_body_bytes
          else orderbell.notification_fault(n.body, s.max_body_bytes, p.format, n.url, n.content_type,
                                            n.headers, n.dedupe_key, n.deliver_at) is null
        end;
  get diagnostics written = row_count;
  any_due := written > 0;

  if written < (select count(*) from new_rows) then
    perform orderbell.refuse_notification(n, e.policy)
    from new_rows n
    left join lateral (select e.id, e.policy from orderbell.endpoint e where e.id = n.endpoint offset 0) e on true
    left join lateral (
      select p.name from orderbell.policy p where p.name = coalesce(n.policy, e.policy) offset 0) p on true
    where p.name is null or e.id is null
       or n.on_acknowledged is not null and not exists (select from orderbell.hook h where h.name = n.on_acknowledged)
       or n.on_exhausted is not null and not exists (select from orderbell.hook h where h.name = n.on_exhausted);

    -- In the order of the keys: two bulk inserts then wait for one another
    -- rather than deadlock.
    insert into orderbell.dedupe (endpoint, key, id)
    select distinct on (endpoint, dedupe_key) endpoint, dedupe_key, id
    from new_rows
    where octet_length(dedupe_key) <= 1024
    order by endpoint, dedupe_key, id
    on conflict do nothing;

    -- Numbers are taken under a lock that lasts until the commit, so that their order
    -- within a key is the order of the commits. A lock each, in one order; many would fill
    -- the lock table, and take the one that stands for all keys.
    select count(distinct (endpoint, sequence_key)) into keys from new_rows where sequence_key is not null;
    if keys > 256 then
      perform pg_advisory_xact_lock(1330791494, 0);
    elsif keys > 0 then
      perform pg_advisory_xact_lock_shared(1330791494, 0);
      perform pg_advisory_xact_lock(1330791494, key.hash) from (
        select distinct hashtext(endpoint || chr(1) || sequence_key) | 1 as hash -- never 0
        from new_rows where sequence_key is not null
        order by hash) key;
    end if;

    with judged as materialized (
      -- Numbered as they are scanned, which is the order of the INSERT: ids that were made
      -- in one millisecond have none.
      select n.id, n.endpoint, n.policy, n.hold, n.sequence_key, n.on_exhausted,
             case when n.sequence_key is not null then nextval('orderbell.sequence') end as seq,
             coalesce(n.on_acknowledged, n.on_exhausted) is not null as alone,
             greatest(coalesce(n.deliver_at, clock_timestamp() + greatest(p.first_wait, e.batch_wait)), clock_timestamp()) as due,
             coalesce(n.deliver_at, clock_timestamp() + nullif(p.first_wait, interval '0')) as not_before,
             case when k.id <> n.id then 'duplicate of ' || k.id end as duplicate,
             coalesce(orderbell.notification_fault(n.body, s.max_body_bytes, p.format, n.url, n.content_type,
                                                   n.headers, n.dedupe_key, n.deliver_at),
                      case when octet_length(n.sequence_key) > 1024 then 'sequence_key is longer than 1024 bytes' end) as fault
      from new_rows n
      cross join lateral (select e.policy, e.batch_wait from orderbell.endpoint e where e.id = n.endpoint offset 0) e
      cross join lateral (
        select p.format, p.first_wait from orderbell.policy p where p.name = coalesce(n.policy, e.policy) offset 0) p
      left join lateral (
        select k.id from orderbell.dedupe k where k.endpoint = n.endpoint and k.key = n.dedupe_key offset 0) k on true
      cross join orderbell.setting s
      where not exists (select from orderbell.delivery d where d.notification_id = n.id offset 0)
    ), ended as (
      insert into orderbell.finished (notification_id, round, state, reason, attempt_count)
      select id, 0, case when duplicate is null then 'rejected' else 'cancelled' end::orderbell.state,
             coalesce(duplicate, fault), 0
      from judged
      where duplicate is not null or fault is not null and on_exhausted is null
    ), owed as (
      -- Its hook is called by a worker, not in the order's transaction.
      insert into orderbell.owed (notification_id, state, reason, hook)
      select id, 'rejected', fault, on_exhausted
      from judged
      where duplicate is null and fault is not null and on_exhausted is not null
    ), owing as (
      insert into orderbell.delivery (notification_id, endpoint, policy, state, next_attempt_at, alone, owes)
      select id, endpoint, policy, 'pending', clock_timestamp(), true, true
      from judged
      where duplicate is null and fault is not null and on_exhausted is not null
    )
    insert into orderbell.delivery (notification_id, endpoint, policy, state, next_attempt_at, not_before, alone, sequence_key, seq)
    select id, endpoint, policy, case when hold then 'held' else 'pending' end::orderbell.state,
           case
             when hold then 'infinity'
             -- The one before it was written by this statement: when that one ends, this is
             -- there, and its turn is given to it.
             when sequence_key is not null
                  and row_number() over (partition by endpoint, sequence_key order by seq) > 1 then due + interval '1 minute'
             else due
           end,
           not_before, alone, sequence_key, seq
    from judged
    where coalesce(duplicate, fault) is null;
    any_due := any_due or exists (
      select from new_rows n
      where not n.hold and exists (select from orderbell.delivery d where d.notification_id = n.id offset 0));
  end if;

  -- As ring() does, without the call: most of the time nobody sleeps.
  if any_due and not pg_try_advisory_xact_lock_shared(1330791493, 1) then
    perform orderbell.ring();
  end if;
  return null;
end
$$;
-- +goose StatementEnd

-- New columns at the end, as always. What waits for a turn or a hook is looked up for
-- those rows alone.
create or replace view orderbell.standing as
select d.notification_id, d.state, d.next_attempt_at, d.leased_until, d.attempt_count, d.rung, d.round,
       d.ends_as, d.claimed_by, cardinality(p.ladder) as rungs, why.parked,
       -- Somebody may have written a time to which nothing can be added.
       case when d.state <> 'held' and why.parked is null and e.paused_at is null and d.next_attempt_at < '200000-01-01'
                 and not d.owes and queue.behind is null and queue.blocked_by is null then
         d.next_attempt_at
         + (select coalesce(sum(wait), interval '0') from unnest(p.ladder[d.rung + 1:]) as wait)
       end as gives_up_at,
       d.endpoint, e.paused_at, e.pause_reason,
       case when b.endpoint is null then 'closed' when b.probing_until > clock_timestamp() then 'half_open' else 'open' end as breaker, b.opened_at, b.reason as opened_because, b.probe_at,
       d.owes, d.sequence_key, d.released_at, queue.behind, queue.blocked_by
from orderbell.delivery d
left join orderbell.endpoint e on e.id = d.endpoint
left join orderbell.policy p on p.name = coalesce(d.policy, e.policy)
left join orderbell.breaker b on b.endpoint = d.endpoint
cross join lateral (
  select case
    when d.owes then null
    when e.id is null then format('endpoint %s does not exist', d.endpoint)
    when p.name is null then format('policy %s does not exist', coalesce(d.policy, e.policy))
    when p.fault is not null then 'policy ' || p.name || ': ' || p.fault
    when e.fault is not null then 'endpoint ' || e.id || ': ' || e.fault
    when d.policy is not null and e.signature is null and p.signature <> 'none' and e.url not like 'sql:%' and not exists (
      select from orderbell.secret s where s.endpoint = e.id and (s.retires_at is null or s.retires_at > now())
    ) then 'endpoint ' || e.id || ' has no secret, which policy ' || p.name || ' signs with; make one with: orderbell endpoint rotate-secret'
  end as parked
) why
cross join lateral (
  select case when d.sequence_key is not null then (
           select x.notification_id from orderbell.delivery x
           where x.endpoint = d.endpoint and x.sequence_key = d.sequence_key and x.seq < d.seq
           order by x.seq limit 1)
         end as behind,
         case when d.sequence_key is not null then (
           select x.notification_id from orderbell.blocked x
           where x.endpoint = d.endpoint and x.sequence_key = d.sequence_key and x.seq < d.seq and e.on_head_exhausted = 'block')
         end as blocked_by
) queue;

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
  elsif s.owes then
    return coalesce((
      select format('%s at %s%s, and hook %s %s', o.state, orderbell.instant(o.since), coalesce(' (' || o.reason || ')', ''), o.hook,
                    case when o.tries = 0 then 'is still to be called'
                      else format('has failed %s times: %s; it is tried again at %s', o.tries, o.fault, orderbell.instant(s.next_attempt_at))
                    end)
      from orderbell.owed o where o.notification_id = s.notification_id), 'its hook is still to be called');
  elsif s.blocked_by is not null then
    return said || format('its sequence stands still: %s did not get through, and the endpoint says on_head_exhausted block; orderbell.unblock lets it go on', s.blocked_by);
  elsif s.behind is not null then
    return said || format('waits its turn: %s comes before it in sequence %s', s.behind, to_json(s.sequence_key));
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
         when s.state = 'held' then
           format('held since %s, until orderbell.release is called', orderbell.instant(n.created_at))
         when s.notification_id is not null then
           orderbell.explain_unfinished(s, coalesce(a.error, a.outcome::text))
         when f.state = 'acknowledged' then
           format('acknowledged at %s on attempt %s%s', orderbell.instant(f.finished_at), f.attempt_count, coalesce(' (' || f.reason || ')', ''))
         when f.state = 'exhausted' then
           format('gave up at %s, the ladder is spent; %s', orderbell.instant(f.finished_at), f.reason)
         when f.state is not null then
           format('%s at %s: %s', f.state, orderbell.instant(f.finished_at), f.reason)
         else 'has neither a delivery nor an ending: it was inserted into a partition, or with triggers off, and is not being sent'
       end as explanation,
       case when s.notification_id is null then f.released_at else s.released_at end as released_at
from orderbell.notification n
left join orderbell.standing s on s.notification_id = n.id
left join lateral (
  select * from orderbell.finished f where f.notification_id = n.id order by f.round desc limit 1
) f on true
left join lateral (
  select * from orderbell.attempt a where a.notification_id = n.id order by a.attempt desc limit 1
) a on true;
comment on column orderbell.notification_status.released_at is 'When its order was complete: release() let it go. Null: it was never held, or is held still.';

create or replace view orderbell.backlog as
select count(*) filter (where due and sendable)        as due_now,
       coalesce(extract(epoch from clock_timestamp() - min(next_attempt_at) filter (where due and sendable)), 0)::double precision
                                                       as oldest_overdue_seconds,
       count(*) filter (where state = 'in_flight')     as in_flight,
       count(*) filter (where plain and not due and parked is null) as waiting,
       count(*) filter (where state = 'held')          as held,
       count(*) filter (where plain and parked is not null) as parked,
       count(*) filter (where due and parked is null and paused_at is not null) as paused,
       count(*) filter (where due and parked is null and paused_at is null and breaker <> 'closed') as behind_breaker,
       count(*) filter (where state = 'pending' and not owes and queued) as queued,
       count(*) filter (where owes)                    as owing_hooks
from (select *, plain and next_attempt_at <= clock_timestamp() as due,
             parked is null and paused_at is null and breaker = 'closed' as sendable
      from (select *, state = 'pending' and not owes and not queued as plain
            from (select *, behind is not null or blocked_by is not null as queued from orderbell.standing) s) s) s;
comment on column orderbell.backlog.queued is 'Wait for their turn in their sequence.';
comment on column orderbell.backlog.owing_hooks is 'Have come to their end, but their hook has not worked yet.';

-- +goose StatementBegin
do $$
declare
  wanted text;
  grants text;
begin
  revoke all on function orderbell.function_fault, orderbell.action, orderbell.action_fault, orderbell.check_hook, orderbell.promote, orderbell.end_rows,
    orderbell.of_order, orderbell.unblock, orderbell.endpoint_unblocks from public;
  for wanted, grants in values
    ('orderbell_worker', 'select on orderbell.hook, orderbell.blocked'),
    ('orderbell_worker', 'insert on orderbell.blocked'),
    ('orderbell_worker', 'select, insert, update, delete on orderbell.owed'),
    ('orderbell_worker', 'execute on function orderbell.function_fault, orderbell.action, orderbell.action_fault, orderbell.promote'),
    ('orderbell_reader', 'select (notification_id, state, reason, hook, tries, fault, since) on orderbell.owed'),
    ('orderbell_reader', 'select on orderbell.blocked, orderbell.hook'),
    ('orderbell_operator', 'select, insert, update, delete on orderbell.hook'),
    ('orderbell_operator', 'select on orderbell.blocked'),
    ('orderbell_operator', 'select (notification_id, state, reason, hook, tries, fault, since) on orderbell.owed'),
    ('orderbell_operator', 'execute on function orderbell.function_fault, orderbell.action, orderbell.action_fault, orderbell.release, orderbell.unblock')
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
language sql immutable parallel safe return 14;
-- +goose StatementEnd

-- +goose Down
-- What is held, waits for its turn or owes a hook would be lost to a program of before: it
-- must be ended or let go first.
-- +goose StatementBegin
do $$
begin
  if exists (select from orderbell.delivery where state = 'held' or alone or sequence_key is not null)
     or exists (select from orderbell.endpoint where url like 'sql:%') then
    raise object_not_in_prerequisite_state using
      message = 'there are rows that are held, have a hook or a sequence_key, or endpoints that are actions',
      hint = 'Cancel or deliver the rows, and delete the endpoints, before going back.';
  end if;
end
$$;
-- +goose StatementEnd
drop view orderbell.endpoint_health;
drop view orderbell.backlog;
drop view orderbell.notification_status;
drop function orderbell.explain_unfinished(orderbell.standing, text);
drop view orderbell.standing;
create view orderbell.standing as
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
    when p.fault is not null then 'policy ' || p.name || ': ' || p.fault
    else 'endpoint ' || e.id || ': ' || e.fault
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
comment on column orderbell.notification_status.gives_up_at is 'When the last attempt comes, at the earliest; null when finished, parked or paused.';
create view orderbell.backlog as
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
-- +goose StatementBegin
create or replace function orderbell.notification_inserted() returns trigger
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  written bigint;
  any_due boolean;
begin
  insert into orderbell.delivery (notification_id, endpoint, policy, state, next_attempt_at)
  select n.id, n.endpoint, n.policy, 'pending',
         greatest(coalesce(n.deliver_at, clock_timestamp() + p.first_wait), clock_timestamp())
  from new_rows n
  cross join lateral (select e.policy from orderbell.endpoint e where e.id = n.endpoint offset 0) e
  cross join lateral (
    select p.format, p.first_wait from orderbell.policy p where p.name = coalesce(n.policy, e.policy) offset 0) p
  cross join orderbell.setting s
  where n.dedupe_key is null and n.sequence_key is null and n.on_acknowledged is null and n.on_exhausted is null
    and not n.hold
    and case
          when n.url is null and n.headers = '{}' and n.content_type is null and n.deliver_at is null and p.format = 'body'
            then octet_length(n.body) <= s.max_body_bytes
          else orderbell.notification_fault(n.body, s.max_body_bytes, p.format, n.url, n.content_type,
                                            n.headers, n.dedupe_key, n.deliver_at) is null
        end;
  get diagnostics written = row_count;
  any_due := written > 0;

  if written < (select count(*) from new_rows) then
    perform orderbell.refuse_notification(n, e.policy)
    from new_rows n
    left join lateral (select e.id, e.policy from orderbell.endpoint e where e.id = n.endpoint offset 0) e on true
    left join lateral (
      select p.name from orderbell.policy p where p.name = coalesce(n.policy, e.policy) offset 0) p on true
    where p.name is null or e.id is null or n.hold
       or coalesce(n.sequence_key, n.on_acknowledged, n.on_exhausted) is not null;

    -- In the order of the keys: two bulk inserts then wait for one another
    -- rather than deadlock.
    insert into orderbell.dedupe (endpoint, key, id)
    select distinct on (endpoint, dedupe_key) endpoint, dedupe_key, id
    from new_rows
    where octet_length(dedupe_key) <= 1024
    order by endpoint, dedupe_key, id
    on conflict do nothing;

    with judged as materialized (
      select n.id, n.endpoint, n.policy,
             greatest(coalesce(n.deliver_at, clock_timestamp() + p.first_wait), clock_timestamp()) as due,
             case when k.id <> n.id then 'duplicate of ' || k.id end as duplicate,
             orderbell.notification_fault(n.body, s.max_body_bytes, p.format, n.url, n.content_type,
                                          n.headers, n.dedupe_key, n.deliver_at) as fault
      from new_rows n
      cross join lateral (select e.policy from orderbell.endpoint e where e.id = n.endpoint offset 0) e
      cross join lateral (
        select p.format, p.first_wait from orderbell.policy p where p.name = coalesce(n.policy, e.policy) offset 0) p
      left join lateral (
        select k.id from orderbell.dedupe k where k.endpoint = n.endpoint and k.key = n.dedupe_key offset 0) k on true
      cross join orderbell.setting s
      where not exists (select from orderbell.delivery d where d.notification_id = n.id offset 0)
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
    any_due := any_due or found;
  end if;

  -- As ring() does, without the call: most of the time nobody sleeps.
  if any_due and not pg_try_advisory_xact_lock_shared(1330791493, 1) then
    perform orderbell.ring();
  end if;
  return null;
end
$$;
-- +goose StatementEnd
-- +goose StatementBegin
-- Raises the error for a row that names what does not exist, or asks for what
-- this release has not: better an error at once than a promise not kept.
create or replace function orderbell.refuse_notification(n orderbell.notification, default_policy text) returns void
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
-- plpgsql, not sql: a function in sql is planned again at each call.
create or replace function orderbell.enqueue(
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
-- +goose StatementBegin
create or replace function orderbell.endpoint_deleted() returns trigger
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
begin
  -- In the order in which reserve() locks them.
  perform from orderbell.pace p where p.endpoint in (select id from gone) order by p.endpoint collate "C" for update;
  delete from orderbell.slot s where s.endpoint in (select id from gone);
  delete from orderbell.pace p where p.endpoint in (select id from gone);
  delete from orderbell.breaker b where b.endpoint in (select id from gone);
  delete from orderbell.secret s where s.endpoint in (select id from gone);
  return null;
end
$$;
-- +goose StatementEnd
drop trigger endpoint_unblocks on orderbell.endpoint;
drop function orderbell.endpoint_unblocks();
drop function orderbell.unblock(text, text);
-- +goose StatementBegin
create or replace function orderbell.release(endpoint text, order_no text, event text default null) returns bigint
language plpgsql as $$ begin
  raise feature_not_supported using message = 'release is not in this release';
end $$;
-- +goose StatementEnd
comment on function orderbell.release(text, text, text) is 'Lets held notifications of an order go. Not in this release.';
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
drop function orderbell.of_order(text, text, text);
drop function orderbell.end_rows(uuid[], orderbell.state, text);
drop function orderbell.promote(text[], text[], bigint[]);
-- +goose StatementBegin
create or replace function orderbell.check_endpoint() returns trigger
language plpgsql
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  fault text := coalesce(orderbell.url_fault(new.url), orderbell.headers_fault(new.headers), orderbell.signature_fault(new.signature));
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
  if tg_op = 'UPDATE' then
    if old.paused_at is not null and new.paused_at is null then
      new.pause_reason := null; -- it goes with the pause
    end if;
    new.fault := null; -- workers look again
  end if;
  return new;
end
$$;
-- +goose StatementEnd
drop trigger endpoint_checked on orderbell.endpoint;
create trigger endpoint_checked
  before insert or update of id, url, policy, headers, max_in_flight, rate_per_second, on_head_exhausted, paused_at, pause_reason, signature
  on orderbell.endpoint
  for each row execute function orderbell.check_endpoint();
drop trigger endpoint_changed on orderbell.endpoint;
create trigger endpoint_changed
  after insert or delete
     or update of id, url, policy, headers, max_in_flight, rate_per_second, on_head_exhausted, paused_at, pause_reason, signature
  on orderbell.endpoint
  for each statement execute function orderbell.tell_change();
drop trigger hook_checked on orderbell.hook;
drop function orderbell.check_hook();
drop function orderbell.action_fault(text);
drop function orderbell.action(text);
drop function orderbell.function_fault(regprocedure, regtype);
-- +goose StatementBegin
create or replace function orderbell.signature_fault(signature text) returns text
language sql immutable parallel safe
return case when signature !~ '^(none|standard-webhooks|alipay-rsa2|wechatpay-v3|hmac-sha256(:[A-Za-z0-9!#$%&''*+.^_`|~-]{1,100})?)$' then
  'signature is none of: none, standard-webhooks, alipay-rsa2, wechatpay-v3, hmac-sha256, hmac-sha256:Header-Name'
end;
-- +goose StatementEnd
comment on column orderbell.endpoint.signature is 'Instead of the policy''s: none, standard-webhooks, alipay-rsa2, wechatpay-v3, hmac-sha256 or hmac-sha256:Header-Name. Null: the policy''s.';
comment on column orderbell.policy.signature is 'How requests are signed: none, standard-webhooks, alipay-rsa2, wechatpay-v3, hmac-sha256 or hmac-sha256:Header-Name. The secret is each endpoint''s own.';
comment on column orderbell.endpoint.url is 'http:// or https://. A notification may bring its own instead.';
comment on column orderbell.endpoint.on_head_exhausted is 'What happens to a sequence whose head is exhausted. Only skip in this release.';
comment on column orderbell.notification.hold is 'Keep back until release(). Not in this release.';
comment on column orderbell.notification.sequence_key is 'One after the other. Not in this release.';
comment on column orderbell.notification.on_acknowledged is 'A hook. Not in this release.';
comment on column orderbell.notification.on_exhausted is 'A hook. Not in this release.';
comment on column orderbell.policy.timeout is 'Bound of one attempt, from looking up the name to the last byte of the answer.';
comment on column orderbell.delivery.ends_as is 'Set on a row in flight by cancel, or by the late acknowledgement of an earlier attempt: how it ends once the attempt in flight is recorded. An acknowledgement wins.';
alter table orderbell.endpoint drop column batch_size, drop column batch_wait, drop column answer_key;
drop table orderbell.owed;
drop table orderbell.hook;
drop table orderbell.blocked;
drop index orderbell.delivery_owes;
drop index orderbell.delivery_queue;
drop index orderbell.delivery_sequence;
drop sequence orderbell.sequence;
alter table orderbell.delivery
  drop column alone, drop column owes, drop column seq, drop column sequence_key, drop column not_before, drop column released_at;

-- +goose StatementBegin
do $$
declare
  wanted text;
  grants text;
begin
  revoke all on function orderbell.explain_unfinished from public;
  for wanted, grants in values
    ('orderbell_worker', 'select on orderbell.backlog'),
    ('orderbell_reader', 'select on orderbell.notification_status, orderbell.backlog, orderbell.endpoint_health'),
    ('orderbell_reader', 'execute on function orderbell.explain_unfinished'),
    ('orderbell_operator', 'select on orderbell.notification_status, orderbell.backlog, orderbell.endpoint_health'),
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
language sql immutable parallel safe return 13;
-- +goose StatementEnd
