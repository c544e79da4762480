/* orderbell:owed */
-- Rows whose hook is to be called again, the longest due ones first.
-- Called by the worker when a look says that there are any.
-- Index: delivery_owes. Locks: none.
select d.notification_id as id, d.endpoint, coalesce(d.policy, e.policy, '') as policy
from orderbell.delivery d
left join orderbell.endpoint e on e.id = d.endpoint
where d.owes and d.next_attempt_at <= now()
order by d.next_attempt_at
limit 100
