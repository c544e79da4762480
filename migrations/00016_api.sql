-- The merchants' API: tokens, each for one endpoint, of which only a hash is stored; and
-- an index that lists what an endpoint was sent in the order of the ids.

-- +goose Up
create table orderbell.token (
  hash       bytea       primary key check (octet_length(hash) = 32),
  endpoint   text        not null,
  hint       text        not null check (octet_length(hint) = 4),
  created_at timestamptz not null default clock_timestamp(),
  created_by text        not null default session_user,
  expires_at timestamptz,
  unique (endpoint, hint)
);
comment on table  orderbell.token is 'Who may ask the merchants'' API, and about which endpoint. Written by orderbell endpoint token.';
comment on column orderbell.token.hash is 'SHA-256 of the token, which is random (256 bits) and itself never here.';
comment on column orderbell.token.hint is 'Its last 4 characters, which tell the tokens of an endpoint apart.';
comment on column orderbell.token.expires_at is 'Until when it is good. Null: until it is revoked.';

-- +goose StatementBegin
-- Locks the endpoint's row, so that no token is left of one that is just being deleted.
create function orderbell.add_token(endpoint text, hash bytea, hint text, lasts interval default null) returns timestamptz
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  until timestamptz := clock_timestamp() + lasts;
begin
  perform from orderbell.endpoint e where e.id = add_token.endpoint for key share;
  if not found then
    perform orderbell.refuse_endpoint(add_token.endpoint);
  end if;
  delete from orderbell.token t where t.endpoint = add_token.endpoint and t.expires_at <= clock_timestamp();
  insert into orderbell.token (hash, endpoint, hint, expires_at)
  values (add_token.hash, add_token.endpoint, add_token.hint, until);
  return until;
end
$$;
-- +goose StatementEnd
comment on function orderbell.add_token is 'Internal: what orderbell endpoint token calls. Forgets the endpoint''s tokens that have expired.';

-- +goose StatementBegin
create function orderbell.revoke_token(endpoint text, hint text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
begin
  delete from orderbell.token t where t.endpoint = revoke_token.endpoint and t.hint = revoke_token.hint;
  return found;
end
$$;
-- +goose StatementEnd
comment on function orderbell.revoke_token is 'Internal: what orderbell endpoint token --revoke calls. False: no such token.';

-- +goose StatementBegin
-- All that those who serve the API need to know of tokens.
create function orderbell.token_endpoint(hash bytea) returns text
language sql stable security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
  select t.endpoint from orderbell.token t
  where t.hash = token_endpoint.hash and (t.expires_at is null or t.expires_at > clock_timestamp())
$$;
-- +goose StatementEnd
comment on function orderbell.token_endpoint is 'Internal: the endpoint that the token with this hash is good for; null where it is none.';

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
  delete from orderbell.token t where t.endpoint in (select id from gone);
  return null;
end
$$;
-- +goose StatementEnd

-- What an endpoint was sent, in the order of the ids. An expression, so that it serves
-- this and nothing else: cancel() asks for an order and an endpoint, and took an index on
-- (endpoint, id) beside the order's while a day had not been analyzed: it read all of the
-- endpoint's entries (100,000 in 10 ms). An endpoint's id has 200 bytes at the most; a
-- longer name, which is refused a moment later, must fit into a page of the index.
-- Days of the past come first, which no order writes to; orders wait while today's is
-- built. Indexes that a day has already are taken over by the last statement.
-- +goose StatementBegin
do $$
declare
  day regclass;
begin
  for day in
    select c.oid
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'orderbell.notification'::regclass
      and c.relname <> 'notification_' || to_char(clock_timestamp() at time zone 'UTC', 'YYYYMMDD')
    order by c.relname
  loop
    execute format('create index on %s (left(endpoint, 200) collate "C", id)', day);
  end loop;
end
$$;
-- +goose StatementEnd
create index notification_endpoint on orderbell.notification (left(endpoint, 200) collate "C", id);

-- +goose StatementBegin
do $$
declare
  wanted text;
  grants text;
begin
  revoke all on function orderbell.add_token, orderbell.revoke_token, orderbell.token_endpoint from public;
  for wanted, grants in values
    ('orderbell_worker', 'execute on function orderbell.token_endpoint, orderbell.explain_unfinished, orderbell.instant'),
    ('orderbell_worker', 'select on orderbell.notification_status, orderbell.delivery_history'),
    ('orderbell_operator', 'select (endpoint, hint, created_at, created_by, expires_at) on orderbell.token'),
    ('orderbell_operator', 'execute on function orderbell.add_token, orderbell.revoke_token')
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
language sql immutable parallel safe return 16;
-- +goose StatementEnd

-- +goose Down
drop index orderbell.notification_endpoint;
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
drop function orderbell.token_endpoint(bytea);
drop function orderbell.revoke_token(text, text);
drop function orderbell.add_token(text, bytea, text, interval);
drop table orderbell.token;
-- +goose StatementBegin
do $$
begin
  if to_regrole('orderbell_worker') is not null then
    revoke select on orderbell.notification_status, orderbell.delivery_history from orderbell_worker;
    revoke execute on function orderbell.explain_unfinished, orderbell.instant from orderbell_worker;
  end if;
end
$$;
-- +goose StatementEnd
-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 15;
-- +goose StatementEnd
