/* orderbell:list_hooks */
-- Every hook, its function, empty where that was dropped, and what is wrong with it for the
-- user who asks.
-- Called by `orderbell hook list`.
-- Index: primary keys, for the order. Locks: none.
select h.name, case when p.oid is null then '' else format('%I.%I', s.nspname, p.proname) end as function,
       coalesce(orderbell.function_fault(h.function, 'void'), '') as fault
from orderbell.hook h
left join pg_proc p on p.oid = h.function
left join pg_namespace s on s.oid = p.pronamespace
order by h.name
