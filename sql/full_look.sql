/* orderbell:full_look */
-- The full look: every endpoint that has a row due now, whether leases have
-- ended, and when the next one of another worker may. Catches what the look cannot see: orders that
-- stayed open for long, rows of dead workers, rows that were parked. Leaves out the
-- endpoints that nothing may be sent to now; next_probe is when the next breaker lets a
-- probe pass. owed: hooks are to be called again; queued: rows that wait for their turn may
-- be in the way.
-- Called by the worker at its start, then beside its work at most every 2.5 s while there is
-- traffic, and every minute. Its cost grows with the rows that are due.
-- Index: delivery_due, delivery_owes, delivery_queue; breaker is read whole, a few rows. Locks: none.
select now() as at,
       exists (select from orderbell.delivery where owes and next_attempt_at <= now()) as owed,
       exists (select from orderbell.delivery
               where sequence_key is not null and next_attempt_at <= now() - interval '1 s' and state = 'pending') as queued,
       coalesce(array_agg(endpoint) filter (where plain and heard), '{}') as endpoints,
       coalesce(array_agg(endpoint) filter (where suspect and heard), '{}') as suspects,
       coalesce(bool_or(lapsed), false) as lapsed,
       min(lease_end) - now() as next_lease_end, min(own_lease_end) - now() as own_lease_end,
       (select min(greatest(probe_at, probing_until)) from orderbell.breaker
        where greatest(probe_at, probing_until) > now()) - now() as next_probe,
       (select min(next_attempt_at) from orderbell.delivery
        where next_attempt_at > now() and next_attempt_at < 'infinity') - now() as next_due,
       (select wake = 'poll' from orderbell.setting) as poll,
       (select coalesce(cluster, '') from orderbell.setting) as home
from (
  select *,
         endpoint not in (select endpoint from orderbell.silenced)
         and (choosy or endpoint not in (select endpoint from orderbell.parked)) as heard
  from (
    select endpoint,
           bool_or(state = 'pending' and not owes and unknowns < @free::int) as plain,
           bool_or(state = 'pending' and not owes and unknowns >= @free) as suspect,
           bool_or(policy is not null) as choosy,
           bool_or(leased_until <= now() or leased_until > now() + interval '1 minute') as lapsed,
           min(leased_until) filter (where live and claimed_by <> @holder::text) as lease_end,
           min(leased_until) filter (where live and claimed_by = @holder) as own_lease_end
    from orderbell.delivery
    cross join lateral (select leased_until > now() and leased_until <= now() + interval '1 minute' as live) lease
    where next_attempt_at <= now()
    group by endpoint
  ) endpoint
) due
