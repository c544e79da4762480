/* orderbell:break */
-- Opens and closes breakers, and gives back probes that were not sent. One that is open already and was being probed stays open:
-- its next probe comes after twice the wait, 5 s at first and 60 s at the most. One that
-- was not being probed is left as it is: another worker has said the same.
-- Called by the worker when attempts have shown how an endpoint is; no endpoint twice.
-- Index: primary keys. Locks: the rows, in the order of the endpoints.
with change as materialized (
  select endpoint, open, unsent, reason
  from unnest(@endpoints::text[], @opens::bool[], @unsent::bool[], @reasons::text[]) as change (endpoint, open, unsent, reason)
  order by endpoint
), held as materialized (
  select b.endpoint
  from change
  cross join lateral (
    select b.endpoint from orderbell.breaker b where b.endpoint = change.endpoint for update
  ) b
), unsent as (
  update orderbell.breaker b
  set probing_until = null, probe_at = now() + interval '5 s'
  where b.endpoint = any (array(select held.endpoint from held join change on change.endpoint = held.endpoint and change.unsent))
), closed as (
  delete from orderbell.breaker b
  where b.endpoint = any (array(select held.endpoint from held join change on change.endpoint = held.endpoint and not change.open))
)
insert into orderbell.breaker as b (endpoint, probe_at, reason, opened_by)
select change.endpoint, now() + interval '5 s', change.reason, @worker::text
from change
cross join lateral (select from orderbell.endpoint e where e.id = change.endpoint) e
where change.open and not change.unsent and (select count(*) from held) >= 0 -- first the locks
on conflict (endpoint) do update
set probes = b.probes + 1, probing_until = null, reason = excluded.reason,
    probe_at = now() + least(interval '60 s', interval '5 s' * power(2, least(b.probes + 1, 10)))
where b.probing_until is not null
