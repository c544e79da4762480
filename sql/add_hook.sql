/* orderbell:add_hook */
-- Adds a hook, or gives another function to the one of this name. No row: the function is
-- not named as schema.function.
-- Called by `orderbell hook add`.
-- Index: primary key. Locks: the row.
insert into orderbell.hook as h (name, function)
select @name::text, (named.function || '(text,text)')::regprocedure
from orderbell.action('sql:' || @function::text) as named (function)
where named.function is not null
on conflict (name) do update set function = excluded.function
returning xmax = 0 as added
