/* orderbell:full_look */
-- The full look: every endpoint that has a row due now, whether leases have
-- ended, and when the next one may. Catches what the look cannot see: orders that
-- stayed open for long, rows of dead workers, rows that were parked.
-- Called by the worker at its start, then at most every 2.5 s while there is
-- traffic, and every minute. Its cost grows with the rows that are due.
-- Index: delivery_due. Locks: none.
select now() as at,
       coalesce(array_agg(endpoint) filter (where plain), '{}') as endpoints,
       coalesce(array_agg(endpoint) filter (where suspect), '{}') as suspects,
       coalesce(bool_or(lapsed), false) as lapsed,
       min(lease_end) - now() as next_lease_end,
       (select min(next_attempt_at) from orderbell.delivery
        where next_attempt_at > now() and next_attempt_at < 'infinity') - now() as next_due,
       (select wake = 'poll' from orderbell.setting) as poll,
       (select coalesce(cluster, '') from orderbell.setting) as home
from (
  select endpoint,
         bool_or(state = 'pending' and unknowns < @free::int) as plain,
         bool_or(state = 'pending' and unknowns >= @free) as suspect,
         bool_or(leased_until <= now()) as lapsed,
         min(leased_until) filter (where leased_until > now() and leased_until < 'infinity') as lease_end
  from orderbell.delivery
  where next_attempt_at <= now()
  group by endpoint
) due
