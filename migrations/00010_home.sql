-- Where this schema is at home, so that a copy of it sends nothing by itself; and
-- which programs still work with it, so that releases can be rolled out one by one.

-- +goose Up
alter table orderbell.setting add column cluster text check (octet_length(cluster) between 1 and 200);
comment on column orderbell.setting.cluster is 'The database whose notifications these are: orderbell.identity() where it was made; null: it will be where the first worker runs. Where it is another, as in a dump that was restored, workers send nothing until `orderbell adopt`. Any other text keeps them from sending too.';

-- Only what workers must hear of rings: noting where the schema is at home does not.
drop trigger setting_rings on orderbell.setting;
create trigger setting_rings after update of wake on orderbell.setting
  for each statement execute function orderbell.ring_on_change();

-- +goose StatementBegin
-- A physical copy has the same identity: a standby that takes over goes on, and a
-- backup of the whole cluster must be started with care.
create function orderbell.identity() returns text
language sql stable parallel safe
set search_path = pg_catalog
as $$
select format('%s/%s', c.system_identifier, d.oid)
from pg_control_system() c, pg_database d
where d.datname = current_database()
$$;
-- +goose StatementEnd
comment on function orderbell.identity() is 'Which database this is: the identifier of the cluster, and the database''s number in it. Physical copies have the same, dumps have another.';

-- It is at home where it is made, or is brought to this version. Null, which a template
-- for databases may have: where the first worker runs.
update orderbell.setting set cluster = orderbell.identity();

-- +goose StatementBegin
create function orderbell.oldest_program() returns integer
language sql immutable parallel safe return 9;
-- +goose StatementEnd
comment on function orderbell.oldest_program() is 'Programs made for this schema_version() or a later one work with this schema.';

-- +goose StatementBegin
do $$
declare
  wanted text;
  grants text;
begin
  revoke all on function orderbell.identity, orderbell.oldest_program from public;
  for wanted, grants in values
    ('orderbell_worker', 'update (cluster) on orderbell.setting'),
    ('orderbell_worker', 'execute on function orderbell.identity, orderbell.oldest_program'),
    ('orderbell_reader', 'select (cluster) on orderbell.setting'),
    ('orderbell_reader', 'execute on function orderbell.identity, orderbell.oldest_program'),
    ('orderbell_operator', 'update (cluster) on orderbell.setting'),
    ('orderbell_operator', 'execute on function orderbell.identity, orderbell.oldest_program')
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
language sql immutable parallel safe return 10;
-- +goose StatementEnd

-- +goose Down
drop trigger setting_rings on orderbell.setting;
create trigger setting_rings after update on orderbell.setting
  for each statement execute function orderbell.ring_on_change();
drop function orderbell.oldest_program();
drop function orderbell.identity();
alter table orderbell.setting drop column cluster;
-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 9;
-- +goose StatementEnd
