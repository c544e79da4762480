-- Who may do what. Four group roles, which belong to the whole cluster: made
-- where the migrating user may and where they do not exist, and never dropped.
-- Grants are the contract: nothing is open to PUBLIC.

-- +goose Up
-- +goose StatementBegin
do $$
declare
  wanted text;
  grants text;
begin
  foreach wanted in array array['orderbell_producer', 'orderbell_worker', 'orderbell_reader', 'orderbell_operator'] loop
    begin
      if to_regrole(wanted) is null then
        execute format('create role %I nologin', wanted);
      end if;
    exception
      when insufficient_privilege then
        raise notice 'orderbell: role % was not made: % may not create roles', wanted, current_user;
      when duplicate_object or unique_violation then
        null; -- another database of this cluster is being migrated too
    end;
  end loop;

  revoke all on all functions in schema orderbell from public;

  -- Each line is tried where its role is there.
  for wanted, grants in values
    ('orderbell_producer', 'usage on schema orderbell'),
    ('orderbell_producer', 'execute on function orderbell.enqueue, orderbell.release, orderbell.cancel, orderbell.uuid7'),
    ('orderbell_producer', 'insert (endpoint, event, order_no, body, url, content_type, dedupe_key, deliver_at, hold, policy, sequence_key, headers, on_acknowledged, on_exhausted), select (id) on orderbell.notification'),
    ('orderbell_worker', 'usage on schema orderbell'),
    ('orderbell_worker', 'select on orderbell.notification, orderbell.setting, orderbell.policy, orderbell.endpoint, orderbell.backlog'),
    ('orderbell_worker', 'update (fault) on orderbell.policy'),
    ('orderbell_worker', 'select, update, delete on orderbell.delivery'),
    ('orderbell_worker', 'insert, select on orderbell.attempt, orderbell.finished'),
    ('orderbell_worker', 'execute on function orderbell.schema_version, orderbell.make_partitions, orderbell.ring, orderbell.ladder_fault'),
    ('orderbell_reader', 'usage on schema orderbell'),
    ('orderbell_reader', 'select on orderbell.notification_status, orderbell.delivery_history, orderbell.backlog'),
    ('orderbell_reader', 'execute on function orderbell.schema_version, orderbell.uuid7_floor, orderbell.instant, orderbell.explain_unfinished'),
    ('orderbell_operator', 'usage on schema orderbell'),
    ('orderbell_operator', 'select, insert, update, delete on orderbell.endpoint, orderbell.policy'),
    ('orderbell_operator', 'select on orderbell.notification_status, orderbell.delivery_history, orderbell.backlog, orderbell.setting'),
    ('orderbell_operator', 'execute on function orderbell.schema_version, orderbell.uuid7_floor, orderbell.instant, orderbell.explain_unfinished, orderbell.url_fault, orderbell.is_ipv6, orderbell.headers_fault, orderbell.ladder_fault, orderbell.ring, orderbell.cancel, orderbell.replay, orderbell.replay_matching, orderbell.pause, orderbell.resume')
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
language sql immutable parallel safe return 6;
-- +goose StatementEnd

-- +goose Down
-- The roles stay: they may own or be granted things elsewhere in the cluster.
-- +goose StatementBegin
do $$
declare
  held text;
begin
  foreach held in array array['orderbell_producer', 'orderbell_worker', 'orderbell_reader', 'orderbell_operator'] loop
    if to_regrole(held) is not null then
      execute format('revoke all on all tables in schema orderbell from %I', held);
      execute format('revoke all on all functions in schema orderbell from %I', held);
      execute format('revoke all on schema orderbell from %I', held);
    end if;
  end loop;
end
$$;
-- +goose StatementEnd
-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 5;
-- +goose StatementEnd
