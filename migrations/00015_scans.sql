-- Scans: queries that workers run on a schedule to find what was missed. What is run,
-- and when, stands in the workers' configuration; here is what became of it.
-- oldest_program() stays: a program of before works with this schema, and runs no scans.

-- +goose Up
create table orderbell.scan_run (
  id          bigint      generated always as identity primary key,
  scan        text        not null,
  kind        text        not null check (kind in ('run', 'compensate', 'expect_nothing')),
  tick        timestamptz,
  dry_run     boolean     not null default false,
  worker      text        not null,
  started_at  timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  result      text        check (result in ('done', 'found', 'failed', 'skipped')),
  rows        bigint,
  enqueued    bigint,
  error       text,
  details     jsonb,
  constraint scan_run_finished_check check ((finished_at is null) = (result is null))
);
-- Who inserts a tick first has it: the one worker of the fleet that runs it.
create unique index scan_run_tick on orderbell.scan_run (scan, tick);
create index scan_run_latest on orderbell.scan_run (scan, id);
create index scan_run_started on orderbell.scan_run (started_at);
create index scan_run_unfinished on orderbell.scan_run (started_at) where finished_at is null;
comment on table  orderbell.scan_run is 'Each run of a scan: when, on which worker, how long, what it found. Kept for 90 days; the last tick of each scan for good.';
comment on column orderbell.scan_run.scan is 'Its name in the configuration of the workers.';
comment on column orderbell.scan_run.kind is 'run: it was run. compensate: each row it lists is enqueued, unless its dedupe_key is known. expect_nothing: each row is a gap.';
comment on column orderbell.scan_run.tick is 'The instant that the schedule named, one row for each; null: run by hand.';
comment on column orderbell.scan_run.dry_run is 'Rolled back: what is said here is what would have been.';
comment on column orderbell.scan_run.finished_at is 'Null while it runs, and for some seconds after its worker has died.';
comment on column orderbell.scan_run.result is 'done; found: there are gaps; failed: see error; skipped: the run before was still going on. Null while it runs.';
comment on column orderbell.scan_run.rows is 'How many rows it returned, listed, or changed; of a function that returns one number, that number.';
comment on column orderbell.scan_run.enqueued is 'Of kind compensate: how many of the rows were new. The others had been enqueued before.';
comment on column orderbell.scan_run.error is 'Why it failed or was skipped. A run that failed has changed nothing, but where it says that rows were left out.';
comment on column orderbell.scan_run.details is 'The first few gaps, or the first few that were enqueued.';

create view orderbell.scan_health as
with recursive known (scan) as (
  -- One look into the index for each scan, however many runs it has.
  (select r.scan from orderbell.scan_run r order by r.scan limit 1)
  union all
  select (select r.scan from orderbell.scan_run r where r.scan > k.scan order by r.scan limit 1)
  from known k
  where k.scan is not null
)
select k.scan, last.kind, last.tick as last_tick, last.started_at as last_started_at, last.finished_at as last_finished_at,
       last.result as last_result, last.rows as last_rows, last.enqueued as last_enqueued, last.error as last_error,
       whole.started_at as last_whole_at,
       case when whole.kind = 'expect_nothing' then whole.rows end as gaps,
       case when whole.kind = 'expect_nothing' then whole.details end as first_gaps,
       running.started_at as running_since, running.worker as running_on
from known k
left join lateral (
  select * from orderbell.scan_run r
  where r.scan = k.scan and r.finished_at is not null and not r.dry_run
  order by r.id desc limit 1
) last on true
left join lateral (
  select * from orderbell.scan_run r
  where r.scan = k.scan and r.result in ('done', 'found') and not r.dry_run
  order by r.id desc limit 1
) whole on true
left join lateral (
  select * from orderbell.scan_run r
  where r.scan = k.scan and r.finished_at is null
  order by r.id limit 1
) running on true
where k.scan is not null;
comment on view orderbell.scan_health is 'A row for each scan that was ever run: its last run, dry ones left out, and what it last found.';
comment on column orderbell.scan_health.last_whole_at is 'When the last run began that went through to its end.';
comment on column orderbell.scan_health.gaps is 'Of kind expect_nothing: how many gaps that one found. Above 0, somebody should look.';

-- +goose StatementBegin
-- With the rights and the search_path of whoever calls it: the query is theirs. That is
-- why everything else is written with its schema, and no path is pinned.
-- What can be told of a row beforehand leaves that row out, and not the others.
create function orderbell.compensate(
  query text, out listed bigint, out enqueued bigint, out refused bigint, out fault text, out details jsonb
)
language plpgsql
as $$
declare
  lacking record;
  wrong   text;
begin
  listed := 0;
  enqueued := 0;
  refused := 0;
  details := '[]';
  -- The query's own last line may be a comment.
  for lacking in execute pg_catalog.concat(
    'select q.endpoint::text, q.event::text, q.order_no::text, q.body::text, q.dedupe_key::text from (', query, e'\n) q')
  loop
    listed := listed + 1;
    wrong := case
      when coalesce(lacking.dedupe_key, '') = '' then 'it has no dedupe_key'
      when pg_catalog.octet_length(lacking.dedupe_key) > 1024 then 'its dedupe_key has more than 1024 bytes'
      when lacking.endpoint is null or lacking.event is null or lacking.order_no is null or lacking.body is null
        then 'its endpoint, event, order_no or body is null'
      when not exists (select from orderbell.endpoint e where e.id = lacking.endpoint)
        then pg_catalog.format('unknown endpoint %s', pg_catalog.to_json(lacking.endpoint))
    end;
    if wrong is not null then
      refused := refused + 1;
      fault := coalesce(fault, pg_catalog.format('order %s: %s', coalesce(pg_catalog.to_json(lacking.order_no)::text, 'null'), wrong));
      continue;
    end if;
    continue when exists (
      select from orderbell.dedupe k where k.endpoint = lacking.endpoint and k.key = lacking.dedupe_key);
    perform orderbell.enqueue(
      endpoint => lacking.endpoint, event => lacking.event, order_no => lacking.order_no, body => lacking.body,
      dedupe_key => lacking.dedupe_key);
    enqueued := enqueued + 1;
    if enqueued <= 5 then
      details := details || pg_catalog.jsonb_build_object('endpoint', lacking.endpoint, 'event', lacking.event,
        'order_no', lacking.order_no, 'dedupe_key', lacking.dedupe_key);
    end if;
  end loop;
end
$$;
-- +goose StatementEnd
comment on function orderbell.compensate(text) is 'Enqueues what a query lists (endpoint, event, order_no, body, dedupe_key) and is not there yet. Called by scans of kind compensate, with the worker''s own rights.';

-- +goose StatementBegin
-- The last tick of a scan stays: from there it is known what was missed.
create function orderbell.prune_scan_runs() returns bigint
language sql security definer
set search_path = pg_catalog, orderbell, pg_temp
as $$
  with gone as (
    delete from orderbell.scan_run r
    where r.id in (
      select o.id from orderbell.scan_run o
      where o.started_at < clock_timestamp() - interval '90 days' and o.finished_at is not null
        and (o.tick is null or exists (select from orderbell.scan_run n where n.scan = o.scan and n.tick > o.tick))
      order by o.started_at
      limit 20000)
    returning 1)
  select count(*) from gone
$$;
-- +goose StatementEnd
comment on function orderbell.prune_scan_runs() is 'Deletes runs of scans that are older than 90 days, 20,000 at the most; returns how many. Workers call it every hour.';

-- +goose StatementBegin
do $$
declare
  wanted text;
  grants text;
begin
  revoke all on function orderbell.compensate, orderbell.prune_scan_runs from public;
  for wanted, grants in values
    ('orderbell_worker', 'select, insert, update on orderbell.scan_run'),
    ('orderbell_worker', 'select on orderbell.scan_health, orderbell.dedupe'),
    ('orderbell_worker', 'execute on function orderbell.enqueue, orderbell.compensate, orderbell.prune_scan_runs'),
    ('orderbell_reader', 'select on orderbell.scan_run, orderbell.scan_health'),
    ('orderbell_operator', 'select on orderbell.scan_run, orderbell.scan_health')
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
language sql immutable parallel safe return 15;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
do $$
begin
  if to_regrole('orderbell_worker') is not null then
    revoke select on orderbell.dedupe from orderbell_worker;
    revoke execute on function orderbell.enqueue from orderbell_worker;
  end if;
end
$$;
-- +goose StatementEnd
drop function orderbell.prune_scan_runs();
drop function orderbell.compensate(text);
drop view orderbell.scan_health;
drop table orderbell.scan_run;
-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 14;
-- +goose StatementEnd
