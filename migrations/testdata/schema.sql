-- What the schema is, line by line, from the catalog: the query behind
-- testdata/schema.txt. It says the same on PostgreSQL 14 to 18, so it leaves out
-- what they tell differently: not-null constraints (rows of pg_constraint from 18
-- on; the column says it) and the text of views. Day partitions come and go, and
-- goose's version table is not ours: neither is listed.
with object as (
  select n.oid as space, c.oid, c.relname as name, c.relkind as kind, c.relispartition as part, c.relacl, c.reloptions,
         pg_get_expr(c.relpartbound, c.oid) as bound, pg_get_partkeydef(c.oid) as partkey, c.reltype
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'orderbell' and c.relname not like 'goose_db_version%' and c.relname !~ '_[0-9]{8}$'
), listed as (
  select *, case kind when 'v' then '4 view' when 'c' then '1 type' else '2 table' end as class
  from object where kind in ('r', 'p', 'v', 'c')
), function as (
  select p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' as signature, p.*
  from pg_proc p where p.pronamespace = 'orderbell'::regnamespace
), line (class, name, section, place, text) as (
  select '0', '', 0, 0, 'schema orderbell' || coalesce(' -- ' || obj_description('orderbell'::regnamespace, 'pg_namespace'), '')

  union all -- who may use the schema
  select '0', '', 9, 0, '  granted to ' || g.role || ': ' || g.rights
  from pg_namespace n
  cross join lateral (
    select case grantee when 0 then 'public' else grantee::regrole::text end as role,
           string_agg(lower(privilege_type), ', ' order by privilege_type) as rights
    from aclexplode(n.nspacl) where grantee <> n.nspowner group by grantee
  ) g
  where n.nspname = 'orderbell'

  union all -- enums
  select '1 type', t.typname, 0, 0,
         'type ' || t.typname || ' enum ('
         || (select string_agg(enumlabel, ', ' order by enumsortorder) from pg_enum where enumtypid = t.oid) || ')'
         || coalesce(' -- ' || obj_description(t.oid, 'pg_type'), '')
  from pg_type t where t.typnamespace = 'orderbell'::regnamespace and t.typtype = 'e'

  union all -- tables, views and composite types
  select class, name, 0, 0,
         substr(class, 3) || ' ' || name
         || coalesce(' partition ' || lower(bound), '') || coalesce(' partition by ' || partkey, '')
         || coalesce(' with (' || (select string_agg(o, ', ' order by o) from unnest(reloptions) o) || ')', '')
         || coalesce(' -- ' || obj_description(oid, 'pg_class'), '')
  from listed

  union all
  select l.class, l.name, 1, a.attnum,
         '  ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
         || case when a.attnotnull then ' not null' else '' end
         || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
         || coalesce(' -- ' || col_description(l.oid, a.attnum), '')
  from listed l
  join pg_attribute a on a.attrelid = l.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef d on d.adrelid = l.oid and d.adnum = a.attnum
  where not l.part

  union all
  select l.class, l.name, 2, row_number() over (order by c.conname collate "C"),
         '  constraint ' || c.conname || ' ' || pg_get_constraintdef(c.oid)
  from listed l join pg_constraint c on c.conrelid = l.oid
  where not l.part and c.contype <> 'n'

  union all -- what constraints have made is said by them
  select l.class, l.name, 3, row_number() over (order by i.indexrelid::regclass::text collate "C"), '  ' || pg_get_indexdef(i.indexrelid)
  from listed l join pg_index i on i.indrelid = l.oid
  where not l.part and not exists (select from pg_constraint c where c.conindid = i.indexrelid)

  union all
  select l.class, l.name, 4, row_number() over (order by t.tgname collate "C"), '  ' || pg_get_triggerdef(t.oid)
  from listed l join pg_trigger t on t.tgrelid = l.oid and not t.tgisinternal
  where not l.part

  union all
  select l.class, l.name, 9, row_number() over (order by g.role, g.col is not null, g.rights, g.col collate "C"), '  granted to ' || g.role || ': ' || g.rights || coalesce(' (' || g.col || ')', '')
  from listed l
  cross join lateral (
    select case x.grantee when 0 then 'public' else x.grantee::regrole::text end collate "C" as role, a.cols as col,
           string_agg(lower(x.privilege_type), ', ' order by x.privilege_type) as rights
    from (
      select null as cols, l.relacl as acl
      union all
      select string_agg(attname, ', ' order by attnum), attacl::text::aclitem[]
      from pg_attribute where attrelid = l.oid and attacl is not null and not attisdropped group by attacl::text
    ) a
    cross join lateral aclexplode(a.acl) x
    where x.grantee <> (select relowner from pg_class where oid = l.oid)
    group by x.grantee, a.cols
  ) g

  union all
  select '3 function', f.signature, 0, 0,
         'function ' || f.proname || '(' || pg_get_function_arguments(f.oid) || ') returns ' || pg_get_function_result(f.oid)
         || ' language ' || (select lanname from pg_language where oid = f.prolang)
         || case f.provolatile when 'i' then ' immutable' when 's' then ' stable' else ' volatile' end
         || case f.proparallel when 's' then ' parallel safe' else '' end
         || case when f.prosecdef then ' security definer' else '' end
         || coalesce(' -- ' || obj_description(f.oid, 'pg_proc'), '')
  from function f

  union all
  select '3 function', f.signature, 1, s.place, '  set ' || s.setting
  from function f cross join lateral unnest(f.proconfig) with ordinality as s (setting, place)

  union all -- null: nobody has granted or revoked, so everybody may execute
  select '3 function', f.signature, 9, row_number() over (order by g.role), '  granted to ' || g.role
  from function f
  cross join lateral (
    select case grantee when 0 then 'public' else grantee::regrole::text end collate "C" as role
    from aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) where grantee <> f.proowner
  ) g
)
select text from line
order by class collate "C", name collate "C", section, place, text collate "C"
