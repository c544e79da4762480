/* orderbell:owed */
-- Rows whose hook is to be called again, the longest due ones first, a few of
-- each endpoint: those that fail or wait must not hide the others.
-- Called by the worker when a look says that there are any.
-- Index: delivery_owes. Locks: none.
select d.notification_id as id, d.endpoint, coalesce(d.policy, e.policy, '') as policy
from (
  select o.notification_id, o.endpoint, o.policy, o.next_attempt_at,
         row_number() over (partition by o.endpoint order by o.next_attempt_at) as nth
  from orderbell.delivery o
  where o.owes and o.next_attempt_at <= now()
) d
left join orderbell.endpoint e on e.id = d.endpoint
where d.nth <= 4
order by d.next_attempt_at
limit 100
