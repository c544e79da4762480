/* orderbell:remove_hook */
-- Removes a hook, unless rows that have come to their end wait for it. names are the hooks
-- that there were.
-- Called by `orderbell hook remove`.
-- Index: primary key; none for owed, which holds no more than these rows. Locks: the row.
with owing as materialized (
  select count(*) as n from orderbell.owed where hook = @name::text
), gone as (
  delete from orderbell.hook where name = @name and (select n from owing) = 0
  returning 1
)
select exists (select from gone) as removed, (select n from owing) as owing,
       array(select name from orderbell.hook order by name) as names
