/* orderbell:missing_partitions */
-- How many day partitions of the next 14 days are not attached: they could not be
-- made, as when rows of such a day are in the default partition already.
-- Called by the janitor after it has made partitions; a statement of its own,
-- because the first one's snapshot does not see what it made.
-- Index: those of the catalog. Locks: none.
select count(*)
from unnest(array['notification', 'attempt', 'finished']) as parent
cross join generate_series(0, 14) as ahead
where not exists (
  select from pg_inherits
  where inhparent = to_regclass('orderbell.' || parent)
    and inhrelid = to_regclass('orderbell.' || parent || '_'
                               || to_char((now() at time zone 'UTC')::date + ahead, 'YYYYMMDD')))
