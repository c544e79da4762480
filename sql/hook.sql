/* orderbell:hook */
-- How a hook is called; empty where it may not be, and why.
-- Called by the worker before it calls one.
-- Index: primary keys. Locks: none.
select case when p.oid is null then '' else format('select %I.%I($1::text, $2::text)', s.nspname, p.proname) end as call,
       coalesce(orderbell.function_fault(h.function, 'void'), '') as fault
from orderbell.hook h
left join pg_proc p on p.oid = h.function
left join pg_namespace s on s.oid = p.pronamespace
where h.name = @name::text
