-- The tables. What to send (notification) is written once; where it stands
-- (delivery) is a narrow row that lives only while it is unfinished; what
-- happened (attempt, finished) is only ever inserted. The three wide tables are
-- partitioned by day, by ranges of the notification's time-ordered id, so that a
-- look-up by id touches one partition and an old day leaves as a whole.

-- +goose Up
create schema if not exists orderbell;
comment on schema orderbell is 'Orderbell: notifications written in the order''s own commit, delivered by workers, with a history to query.';

create type orderbell.state as enum
  ('held', 'pending', 'in_flight', 'acknowledged', 'exhausted', 'rejected', 'cancelled', 'superseded');
comment on type orderbell.state is 'held, pending and in_flight are unfinished; the others are finished.';

create type orderbell.outcome as enum
  ('acknowledged', 'answered', 'rejected', 'timeout', 'unreachable', 'blocked', 'interrupted', 'unknown');
comment on type orderbell.outcome is 'What one attempt came to. answered, timeout, unreachable and blocked spend a rung of the ladder; unknown does from the third in a row on.';

-- +goose StatementBegin
-- The time in milliseconds, then random bits: gen_random_uuid() makes version 4,
-- and setting bits 52 and 53 turns the 4 into a 7. A plain SQL expression, so
-- that the planner inlines it into the column's default.
create function orderbell.uuid7(at timestamptz default clock_timestamp()) returns uuid
language sql volatile parallel safe
return encode(
  set_bit(set_bit(
    overlay(uuid_send(gen_random_uuid())
            placing substring(int8send(floor(extract(epoch from at) * 1000)::bigint) from 3) from 1 for 6),
    52, 1), 53, 1), 'hex')::uuid;
-- +goose StatementEnd
comment on function orderbell.uuid7(timestamptz) is 'A new time-ordered id (UUID version 7).';

-- +goose StatementBegin
-- The smallest id of an instant: where a day's partition begins.
create function orderbell.uuid7_floor(at timestamptz) returns uuid
language sql immutable parallel safe
return (lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
-- +goose StatementEnd
comment on function orderbell.uuid7_floor(timestamptz) is 'The smallest notification id of that instant, for queries by time: id >= orderbell.uuid7_floor(now() - interval ''1 day'').';

create table orderbell.setting (
  one            boolean primary key default true check (one),
  max_body_bytes integer not null default 262144 check (max_body_bytes between 1 and 16777216),
  wake           text    not null default 'bell' check (wake in ('bell', 'poll'))
);
comment on table  orderbell.setting is 'What the database itself must know. One row.';
comment on column orderbell.setting.max_body_bytes is 'A notification with a longer body ends rejected; the order commits. Bytes, 1 to 16 MB, 256 KB unless set.';
comment on column orderbell.setting.wake is 'bell: a commit wakes a sleeping worker with NOTIFY. poll: it never does, and workers look every second (for PREPARE TRANSACTION, poolers, low lock_timeouts).';
insert into orderbell.setting default values;

create table orderbell.policy (
  name            text primary key check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$'),
  ladder          interval[] not null,
  acknowledge     text not null check (octet_length(acknowledge) between 1 and 4096),
  reject          text check (octet_length(reject) between 1 and 4096),
  method          text not null default 'POST' check (method in ('POST', 'GET')),
  format          text not null default 'body' check (format in ('body', 'form', 'query')),
  timeout         interval not null default interval '10 s'
                  check (timeout between interval '10 ms' and interval '5 min'),
  signature       text not null default 'none',
  retry_after_cap interval not null default interval '1 h'
                  check (retry_after_cap between interval '0' and interval '30 days'),
  first_wait      interval not null default interval '0'
                  check (first_wait between interval '0' and interval '30 days'),
  fault           text,
  check (method <> 'GET' or format = 'query')
);
comment on table  orderbell.policy is 'How a kind of endpoint is talked to. Operators write it; a change works within seconds.';
comment on column orderbell.policy.ladder is 'The waits between attempts, in order. N rungs give N+1 attempts; a rung counts from the settling of the attempt before; no jitter.';
comment on column orderbell.policy.acknowledge is 'Rule over status, body, header(name), json(path) that must be true of an answer for it to end the notification.';
comment on column orderbell.policy.reject is 'Rule that ends the notification as rejected; looked at before acknowledge. Null: never.';
comment on column orderbell.policy.method is 'POST, or GET (which needs the format query).';
comment on column orderbell.policy.format is 'body: the text as it is. form: a JSON object as form fields. query: a JSON object in the URL''s query, empty body.';
comment on column orderbell.policy.timeout is 'Bound of one attempt, from looking up the name to the last byte of the answer.';
comment on column orderbell.policy.signature is 'Signature scheme; none is the only one so far.';
comment on column orderbell.policy.retry_after_cap is 'How far an endpoint''s Retry-After (on 429 and 503) can lengthen a wait.';
comment on column orderbell.policy.first_wait is 'The wait before the first attempt of a row that names no time of its own.';
comment on column orderbell.policy.fault is 'Why rows of this policy are parked; written by workers, null when they can be sent.';

create table orderbell.endpoint (
  id                text primary key check (octet_length(id) between 1 and 200),
  url               text not null,
  policy            text not null default 'standard' references orderbell.policy (name),
  headers           jsonb not null default '{}',
  max_in_flight     integer check (max_in_flight > 0),
  rate_per_second   numeric check (rate_per_second > 0),
  on_head_exhausted text not null default 'skip' check (on_head_exhausted in ('skip', 'block')),
  paused_at         timestamptz
);
comment on table  orderbell.endpoint is 'Who is told. Operators write it; a change works within seconds.';
comment on column orderbell.endpoint.url is 'http:// or https://. A notification may bring its own instead.';
comment on column orderbell.endpoint.policy is 'How it is talked to; a notification may name another.';
comment on column orderbell.endpoint.headers is 'Sent with every request: an object of names and text values.';
comment on column orderbell.endpoint.max_in_flight is 'How many requests at once, over all workers. Not in this release.';
comment on column orderbell.endpoint.rate_per_second is 'How many requests a second, over all workers. Not in this release.';
comment on column orderbell.endpoint.on_head_exhausted is 'What happens to a sequence whose head is exhausted. Only skip in this release.';
comment on column orderbell.endpoint.paused_at is 'Since when nothing is sent. Not in this release.';

create table orderbell.notification (
  id              uuid        not null default orderbell.uuid7() primary key,
  created_at      timestamptz not null default clock_timestamp(),
  endpoint        text        not null,
  event           text        not null,
  order_no        text        not null,
  body            text        not null,
  url             text,
  content_type    text,
  dedupe_key      text,
  deliver_at      timestamptz,
  hold            boolean     not null default false,
  policy          text,
  sequence_key    text,
  headers         jsonb       not null default '{}',
  on_acknowledged text,
  on_exhausted    text
) partition by range (id);
-- A hash index takes an order number of any length: a B-tree would fail, and
-- with it the order, on one above 2,704 bytes.
create index notification_order_no on orderbell.notification using hash (order_no);
comment on table  orderbell.notification is 'Every notification, with its body. Inserted by the order''s transaction, never updated. Its trigger makes the delivery row.';
comment on column orderbell.notification.id is 'Made, time-ordered; the same over attempts and replays. Sent as Orderbell-Notification-Id.';
comment on column orderbell.notification.endpoint is 'orderbell.endpoint.id; an unknown one is an error.';
comment on column orderbell.notification.event is 'What happened, for example trade.success. Sent as Orderbell-Event.';
comment on column orderbell.notification.order_no is 'The order it is about; the history is searched by it.';
comment on column orderbell.notification.body is 'What to send. Longer than setting.max_body_bytes: the row ends rejected.';
comment on column orderbell.notification.url is 'This order''s own notify URL, instead of the endpoint''s.';
comment on column orderbell.notification.content_type is 'Content-Type of the request; null: application/json, or the form''s own.';
comment on column orderbell.notification.dedupe_key is 'A second row with the same endpoint and key ends cancelled, as a duplicate.';
comment on column orderbell.notification.deliver_at is 'Not before this time. Null: at once, or after the policy''s first_wait.';
comment on column orderbell.notification.hold is 'Keep back until release(). Not in this release.';
comment on column orderbell.notification.policy is 'Instead of the endpoint''s.';
comment on column orderbell.notification.sequence_key is 'One after the other. Not in this release.';
comment on column orderbell.notification.headers is 'Sent too, over the endpoint''s: an object of names and text values.';
comment on column orderbell.notification.on_acknowledged is 'A hook. Not in this release.';
comment on column orderbell.notification.on_exhausted is 'A hook. Not in this release.';

create table orderbell.delivery (
  notification_id uuid primary key,
  next_attempt_at timestamptz not null,
  leased_until    timestamptz,
  attempt_count   integer  not null default 0 check (attempt_count >= 0),
  round           integer  not null default 0 check (round >= 0),
  rung            smallint not null default 0 check (rung >= 0),
  unknowns        smallint not null default 0 check (unknowns >= 0),
  state           orderbell.state not null check (state in ('held', 'pending', 'in_flight')),
  ends_as         orderbell.state check (ends_as in ('cancelled', 'superseded')),
  endpoint        text not null,
  policy          text,
  claimed_by      text,
  constraint delivery_held      check ((state = 'held') = (next_attempt_at = 'infinity')),
  constraint delivery_leased    check ((state = 'in_flight') = (leased_until is not null)),
  constraint delivery_claimed   check ((state = 'in_flight') = (claimed_by is not null)),
  constraint delivery_begun     check (state <> 'in_flight' or attempt_count > 0),
  constraint delivery_ends_as   check (ends_as is null or state = 'in_flight')
) with (
  -- 45 leaves room on the page for a claim of every row on it, so that claims
  -- are heap-only updates and touch no index.
  fillfactor = 45,
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000,
  -- Truncation would take an ACCESS EXCLUSIVE lock in the middle of the day.
  vacuum_truncate = off
);
-- No index names state, leased_until, claimed_by or attempt_count: what a claim
-- changes must stay out of them.
create index delivery_lane on orderbell.delivery (endpoint, next_attempt_at);
create index delivery_due  on orderbell.delivery (next_attempt_at, endpoint);
comment on table  orderbell.delivery is 'Where an unfinished notification stands. For reading: workers claim, move and delete its rows.';
comment on column orderbell.delivery.next_attempt_at is 'When the next attempt is due; stays where it is while one is in flight.';
comment on column orderbell.delivery.leased_until is 'Until when a claimed row is its worker''s own.';
comment on column orderbell.delivery.attempt_count is 'Attempts begun. Never goes down.';
comment on column orderbell.delivery.round is '0 in the first life, one more for each replay.';
comment on column orderbell.delivery.rung is 'Rungs spent in this round.';
comment on column orderbell.delivery.unknowns is 'Attempts just before that ended unknown, in a row.';
comment on column orderbell.delivery.ends_as is 'Set by cancel on a row in flight: how it ends once its attempt is recorded, unless that is an acknowledgement.';
comment on column orderbell.delivery.policy is 'The notification''s own policy, if it names one.';
comment on column orderbell.delivery.claimed_by is 'The worker that holds it.';

create table orderbell.attempt (
  notification_id  uuid        not null,
  attempt          integer     not null check (attempt > 0),
  round            integer     not null check (round >= 0),
  started_at       timestamptz not null,
  duration_us      bigint      not null check (duration_us >= 0),
  outcome          orderbell.outcome not null,
  http_status      smallint,
  endpoint         text        not null,
  url              text,
  error            text,
  response_excerpt text,
  worker           text        not null,
  primary key (notification_id, attempt)
) partition by range (notification_id);
comment on table  orderbell.attempt is 'One row per attempt, from 1, without gaps. Only ever inserted. People read the view delivery_history.';
comment on column orderbell.attempt.url is 'Where it went, if that was the endpoint''s URL of the time; null: the notification''s own.';
comment on column orderbell.attempt.error is 'Why it was no acknowledgement.';
comment on column orderbell.attempt.response_excerpt is 'The first bytes of the answer; what is not printable is written as \xNN.';

create table orderbell.finished (
  notification_id uuid        not null,
  round           integer     not null check (round >= 0),
  state           orderbell.state not null
                  check (state in ('acknowledged', 'exhausted', 'rejected', 'cancelled', 'superseded')),
  reason          text,
  attempt_count   integer     not null check (attempt_count >= 0),
  rung            smallint    not null default 0 check (rung >= 0),
  released_at     timestamptz,
  finished_at     timestamptz not null default clock_timestamp(),
  primary key (notification_id, round),
  constraint finished_reason check (state = 'acknowledged' or reason is not null)
) partition by range (notification_id);
comment on table  orderbell.finished is 'One row per ending: a notification has one for each round.';
comment on column orderbell.finished.reason is 'Why, in words; may be null only for acknowledged.';
comment on column orderbell.finished.released_at is 'When release() let it go; null if it was never held.';

create table orderbell.dedupe (
  endpoint text not null,
  key      text not null,
  id       uuid not null,
  at       timestamptz not null default clock_timestamp(),
  primary key (endpoint, key)
);
comment on table orderbell.dedupe is 'Which notification took a dedupe key first.';

-- The default partitions exist so that no insert ever fails for want of a day.
create table orderbell.notification_default partition of orderbell.notification default;
create table orderbell.attempt_default      partition of orderbell.attempt      default;
create table orderbell.finished_default     partition of orderbell.finished     default;

-- +goose StatementBegin
-- Makes the day partitions from today (UTC) on, and returns how many were new.
-- Each is made alone, with a CHECK that matches its range, and then attached: that
-- goes through beside open orders, where CREATE TABLE ... PARTITION OF would wait
-- for them and hold up every enqueue behind it. A day that cannot be made now
-- (rows in the default partition, a lock) is reported and passed over.
create function orderbell.make_partitions(days_ahead integer default 14) returns integer
language plpgsql security definer
set search_path = pg_catalog, orderbell, pg_temp
set lock_timeout = '200ms'
as $$
declare
  today date := (clock_timestamp() at time zone 'UTC')::date;
  made  integer := 0;
begin
  for d in 0 .. days_ahead loop
    made := made + orderbell.make_partition('notification', 'id', today + d)
                 + orderbell.make_partition('attempt', 'notification_id', today + d)
                 + orderbell.make_partition('finished', 'notification_id', today + d);
  end loop;
  return made;
end
$$;
-- +goose StatementEnd
comment on function orderbell.make_partitions(integer) is 'Makes the day partitions that are missing from today on; returns how many it made. Safe to call at any time.';

-- +goose StatementBegin
create function orderbell.make_partition(parent text, key text, day date) returns integer
language plpgsql
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  child text := parent || '_' || to_char(day, 'YYYYMMDD');
  lower uuid := orderbell.uuid7_floor(day::timestamp at time zone 'UTC');
  upper uuid := orderbell.uuid7_floor((day + 1)::timestamp at time zone 'UTC');
begin
  if to_regclass(format('orderbell.%I', child)) is not null then
    return 0;
  end if;
  execute format('create table orderbell.%I (like orderbell.%I including all)', child, parent);
  execute format('alter table orderbell.%I add constraint %I check (%I is not null and %I >= %L and %I < %L)',
                 child, child || '_range', key, key, lower, key, upper);
  execute format('alter table orderbell.%I attach partition orderbell.%I for values from (%L) to (%L)',
                 parent, child, lower, upper);
  return 1;
exception
  when duplicate_table then
    return 0; -- somebody else made it meanwhile
  when check_violation or lock_not_available or deadlock_detected then
    raise warning 'orderbell: partition % was not made: %', child, sqlerrm;
    return 0;
end
$$;
-- +goose StatementEnd

select orderbell.make_partitions();

-- +goose StatementBegin
create function orderbell.schema_version() returns integer
language sql immutable parallel safe return 1;
-- +goose StatementEnd
comment on function orderbell.schema_version() is 'The version of this schema; each migration replaces it.';

-- +goose Down
drop function orderbell.schema_version();
drop function orderbell.make_partitions(integer);
drop function orderbell.make_partition(text, text, date);
drop table orderbell.dedupe;
drop table orderbell.finished;
drop table orderbell.attempt;
drop table orderbell.delivery;
drop table orderbell.notification;
drop table orderbell.endpoint;
drop table orderbell.policy;
drop table orderbell.setting;
drop function orderbell.uuid7_floor(timestamptz);
drop function orderbell.uuid7(timestamptz);
drop type orderbell.outcome;
drop type orderbell.state;
-- The schema itself stays: goose's own version table may live in it.
