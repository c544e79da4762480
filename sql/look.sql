/* orderbell:look */
-- The look: which endpoints have a row that fell due since the last look, and which
-- have a suspect one: so many attempts in a row are unknown that it may be the row. Reaches
-- back two seconds before it, because a row is seen only once its transaction
-- has committed. Blind to old backlogs, and to the dead index entries before them.
-- Leaves out the endpoints that nothing may be sent to now.
-- Also says whether commits ring, and where the schema is at home, so that a change
-- is known at once.
-- Called by the worker while it is awake and whenever it wakes.
-- Index: delivery_due, delivery_owes; the primary key of breaker, and endpoint_paused. Locks: none.
select now() as at,
       exists (select from orderbell.delivery where owes and next_attempt_at <= now()) as owed,
       coalesce(due.endpoints, '{}') as endpoints, coalesce(due.suspects, '{}') as suspects,
       @since - interval '2 s' as reached_to,
       (select min(next_attempt_at) from orderbell.delivery
        where next_attempt_at > now() and next_attempt_at < 'infinity') - now() as next_due,
       setting.wake = 'poll' as poll, coalesce(setting.cluster, '') as home
from (
  select array_agg(endpoint) filter (where plain) as endpoints, array_agg(endpoint) filter (where suspect) as suspects
  from (
    select endpoint, bool_or(unknowns < @free::int) as plain, bool_or(unknowns >= @free) as suspect,
           bool_or(policy is not null) as choosy
    from orderbell.delivery
    where next_attempt_at > @since::timestamptz - interval '2 s' and next_attempt_at <= now() and state = 'pending' and not owes
    group by endpoint
  ) endpoint
  where endpoint not in (select endpoint from orderbell.silenced)
    and (choosy or endpoint not in (select endpoint from orderbell.parked))
) due, orderbell.setting
