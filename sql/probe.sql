/* orderbell:probe */
-- Takes the probe of endpoints whose breaker is open and whose time has come: one worker
-- gets it, for as long as a request may take. A probe that nobody answers for is taken
-- again after that.
-- Called by the worker when something is due behind an open breaker.
-- Index: primary key. Locks: the rows that it takes; passes over those that somebody
-- else is just taking.
with won as materialized (
  select endpoint
  from orderbell.breaker
  where endpoint = any (@endpoints::text[])
    and greatest(probe_at, coalesce(probing_until, '-infinity')) <= now()
  order by endpoint
  for update skip locked
)
update orderbell.breaker b
set probing_until = now() + @within::interval
where b.endpoint = any (array(select endpoint from won))
returning b.endpoint
