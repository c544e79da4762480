-- Signatures: which scheme signs an endpoint's requests, its secrets (sealed: the
-- database never sees one), and what probes of endpoints have found.
-- oldest_program() stays: a program of before works with this schema, but signs nothing.
-- Name a signature only when every worker has been replaced.

-- +goose Up
create table orderbell.secret (
  endpoint   text        not null,
  version    integer     not null check (version > 0),
  key_id     text        not null check (key_id ~ '^[0-9a-f]{8}$'),
  sealed     bytea       not null check (octet_length(sealed) between 29 and 32768),
  created_at timestamptz not null default clock_timestamp(),
  retires_at timestamptz,
  primary key (endpoint, version)
);
comment on table  orderbell.secret is 'The secrets that sign an endpoint''s requests, encrypted under a master key that is not in the database. Written by orderbell endpoint rotate-secret.';
comment on column orderbell.secret.version is 'From 1; the newest is the greatest. Part of what is authenticated, as the endpoint is: a row that was moved does not open.';
comment on column orderbell.secret.key_id is 'Which master key opens it: the first 8 hex digits of its SHA-256.';
comment on column orderbell.secret.sealed is 'AES-256-GCM: a nonce of 12 bytes, the ciphertext, a tag of 16.';
comment on column orderbell.secret.retires_at is 'Until when it still signs, beside or instead of the newer ones; then it is destroyed. Null: it is the newest.';

create table orderbell.probe (
  id          uuid        not null default orderbell.uuid7() primary key,
  endpoint    text        not null,
  at          timestamptz not null default clock_timestamp(),
  by          text        not null default session_user,
  passed      boolean     not null,
  report      jsonb       not null
);
create index probe_endpoint on orderbell.probe (endpoint, at);
comment on table  orderbell.probe is 'What orderbell endpoint probe found: a test of the endpoint that touches no order.';
comment on column orderbell.probe.passed is 'Whether every check passed.';
comment on column orderbell.probe.report is 'The checks, one after the other: what was asked, what came back, what is wrong.';

alter table orderbell.endpoint add column signature text, add column fault text;
comment on column orderbell.endpoint.signature is 'Instead of the policy''s: none, standard-webhooks, alipay-rsa2, wechatpay-v3, hmac-sha256 or hmac-sha256:Header-Name. Null: the policy''s.';
comment on column orderbell.endpoint.fault is 'Why its rows are parked; written by workers, null when they can be sent.';
comment on column orderbell.policy.signature is 'How requests are signed: none, standard-webhooks, alipay-rsa2, wechatpay-v3, hmac-sha256 or hmac-sha256:Header-Name. The secret is each endpoint''s own.';
create index endpoint_fault on orderbell.endpoint (id) where fault is not null;

-- +goose StatementBegin
create function orderbell.signature_fault(signature text) returns text
language sql immutable parallel safe
return case when signature !~ '^(none|standard-webhooks|alipay-rsa2|wechatpay-v3|hmac-sha256(:[A-Za-z0-9!#$%&''*+.^_`|~-]{1,100})?)$' then
  'signature is none of: none, standard-webhooks, alipay-rsa2, wechatpay-v3, hmac-sha256, hmac-sha256:Header-Name'
end;
-- +goose StatementEnd

-- +goose StatementBegin
create or replace function orderbell.check_policy() returns trigger
language plpgsql
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  fault text := coalesce(orderbell.ladder_fault(new.ladder), orderbell.signature_fault(new.signature));
begin
  if fault is not null then
    raise check_violation using message = format('policy %s: %s', new.name, fault);
  end if;
  if tg_op = 'UPDATE' and (new.acknowledge, new.reject, new.signature, new.method, new.format)
                          is distinct from (old.acknowledge, old.reject, old.signature, old.method, old.format) then
    new.fault := null; -- workers look again, and say if it is still there
  end if;
  return new;
end
$$;
-- +goose StatementEnd

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
-- Not for fault, which workers write.
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

-- +goose StatementBegin
-- Adds the next version of an endpoint's secret. Whoever seals it must know the version
-- before: it is part of what is sealed. The older ones go on for the overlap.
create function orderbell.add_secret(endpoint text, version integer, key_id text, sealed bytea, overlap interval) returns void
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  newest integer;
begin
  perform from orderbell.endpoint e where e.id = add_secret.endpoint for update;
  if not found then
    perform orderbell.refuse_endpoint(add_secret.endpoint);
  end if;
  select coalesce(max(s.version), 0) into newest from orderbell.secret s where s.endpoint = add_secret.endpoint;
  if add_secret.version is distinct from newest + 1 then
    raise serialization_failure using message = format('endpoint %s: its secret has version %s by now', add_secret.endpoint, newest);
  end if;
  update orderbell.secret s
  set retires_at = least(coalesce(s.retires_at, 'infinity'), clock_timestamp() + overlap)
  where s.endpoint = add_secret.endpoint;
  insert into orderbell.secret (endpoint, version, key_id, sealed)
  values (add_secret.endpoint, add_secret.version, add_secret.key_id, add_secret.sealed);
  delete from orderbell.secret s where s.endpoint = add_secret.endpoint and s.retires_at <= clock_timestamp();
  update orderbell.endpoint e set signature = e.signature where e.id = add_secret.endpoint; -- workers hear of it
end
$$;
-- +goose StatementEnd
comment on function orderbell.add_secret is 'Internal: what orderbell endpoint rotate-secret calls.';

-- +goose StatementBegin
-- Seals a secret anew, under another master key: the same secret, the same version.
create function orderbell.reseal_secret(endpoint text, version integer, was text, key_id text, sealed bytea) returns boolean
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
begin
  update orderbell.secret s set key_id = reseal_secret.key_id, sealed = reseal_secret.sealed
  where s.endpoint = reseal_secret.endpoint and s.version = reseal_secret.version and s.key_id = was;
  if found then
    update orderbell.endpoint e set signature = e.signature where e.id = reseal_secret.endpoint;
    return true;
  end if;
  return false;
end
$$;
-- +goose StatementEnd
comment on function orderbell.reseal_secret is 'Internal: what orderbell endpoint reseal-secrets calls.';

-- +goose StatementBegin
create function orderbell.destroy_secrets() returns bigint
language sql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
  with gone as (delete from orderbell.secret where retires_at <= clock_timestamp() returning 1)
  select count(*) from gone
$$;
-- +goose StatementEnd
comment on function orderbell.destroy_secrets() is 'Destroys the secrets that have retired; returns how many. Workers call it every hour.';

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
    when p.fault is not null then 'policy ' || p.name || ': ' || p.fault
    else 'endpoint ' || e.id || ': ' || e.fault
  end as parked
) why;

-- What looks leave out. An endpoint with a fault sends nothing, whatever a notification
-- names.
create or replace view orderbell.silenced as
select id as endpoint from orderbell.endpoint where paused_at is not null
union all
select id from orderbell.endpoint where fault is not null
union all
select endpoint from orderbell.breaker where greatest(probe_at, probing_until) > now();
comment on view orderbell.silenced is 'Internal: the endpoints that nothing is sent to now, because they are paused or parked or their breaker is open.';

-- +goose StatementBegin
do $$
declare
  wanted text;
  grants text;
begin
  revoke all on function orderbell.signature_fault, orderbell.add_secret, orderbell.reseal_secret, orderbell.destroy_secrets from public;
  for wanted, grants in values
    ('orderbell_worker', 'select on orderbell.secret'),
    ('orderbell_worker', 'update (fault) on orderbell.endpoint'),
    ('orderbell_worker', 'execute on function orderbell.destroy_secrets, orderbell.signature_fault'),
    ('orderbell_reader', 'select on orderbell.probe'),
    ('orderbell_operator', 'select on orderbell.secret'),
    ('orderbell_operator', 'select, insert (id, endpoint, passed, report) on orderbell.probe'),
    ('orderbell_operator', 'execute on function orderbell.signature_fault, orderbell.add_secret, orderbell.reseal_secret, orderbell.destroy_secrets, orderbell.uuid7')
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

-- +goose Down
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
create or replace view orderbell.silenced as
select id as endpoint from orderbell.endpoint where paused_at is not null
union all
select endpoint from orderbell.breaker where greatest(probe_at, probing_until) > now();
comment on view orderbell.silenced is 'Internal: the endpoints that nothing is sent to now, because they are paused or their breaker is open.';
-- +goose StatementBegin
-- Whoever is called like a deleted endpoint later begins anew.
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
  return null;
end
$$;
-- +goose StatementEnd
drop function orderbell.destroy_secrets();
drop function orderbell.reseal_secret;
drop function orderbell.add_secret;
drop trigger endpoint_changed on orderbell.endpoint;
drop trigger endpoint_checked on orderbell.endpoint;
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
-- +goose StatementBegin
create or replace function orderbell.check_policy() returns trigger
language plpgsql
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  fault text := orderbell.ladder_fault(new.ladder);
begin
  if fault is not null then
    raise check_violation using message = format('policy %s: %s', new.name, fault);
  elsif new.signature <> 'none' then
    raise feature_not_supported using
      message = format('policy %s: signature %s is not in this release', new.name, new.signature),
      hint = 'The only signature scheme so far is none.';
  end if;
  if tg_op = 'UPDATE' and (new.acknowledge, new.reject) is distinct from (old.acknowledge, old.reject) then
    new.fault := null; -- workers look again, and say if it is still there
  end if;
  return new;
end
$$;
-- +goose StatementEnd
create trigger endpoint_checked before insert or update on orderbell.endpoint
  for each row execute function orderbell.check_endpoint();
create trigger endpoint_changed after insert or update or delete on orderbell.endpoint
  for each statement execute function orderbell.tell_change();
drop function orderbell.signature_fault(text);
comment on column orderbell.policy.signature is 'Signature scheme; none is the only one so far.';
drop index orderbell.endpoint_fault;
alter table orderbell.endpoint drop column signature, drop column fault;
drop table orderbell.probe;
drop table orderbell.secret;
-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 12;
-- +goose StatementEnd
